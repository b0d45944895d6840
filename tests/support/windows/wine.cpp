#include "support/wine.hpp"

#include <windows.h>

namespace localsocket::test {

// Only Wine's ntdll exports this name: https://wiki.winehq.org/Developer_FAQ
bool running_under_wine() {
  static const bool wine = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != nullptr;
  return wine;
}

}  // namespace localsocket::test
