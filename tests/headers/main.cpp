// The test is that the program compiled and linked.
int main() {}
