// Runs a command whose standard output is a connection:
//
//     output_sender <address> <command> [argument...]
//
// What the command prints goes to the listener without passing through this process. Exits as the command did.

#include <localsocket/child_output.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "support/process.hpp"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: output_sender <address> <command> [argument...]\n";
    return 2;
  }
  try {
    const std::vector<std::string> command(argv + 2, argv + argc);
    return example::run_with_output(command, localsocket::ChildOutput::connect(argv[1], std::chrono::seconds(10)));
  } catch (const std::exception& problem) {
    std::cerr << "output_sender: " << problem.what() << '\n';
    return 1;
  }
}
