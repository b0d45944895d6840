// README's first program, in a main that lives on when it throws: it must end then, too.
#include "first_program.inc"

int main() {
  try {
    first_program();
    return 0;
  } catch (const std::exception& error) {
    std::cout << error.what() << '\n';
    return 2;
  }
}
