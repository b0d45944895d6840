// README's first program as it stands, in a main that lives on when it throws: it must end then, too.
#define main first_program
#include "first_program.inc"
#undef main

int main() {
  try {
    first_program();
    return 0;
  } catch (const std::exception& error) {
    std::cout << error.what() << '\n';
    return 2;
  }
}
