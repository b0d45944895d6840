#include "support/wine.hpp"

#include <windows.h>

#include <cstdlib>

namespace localsocket::test {

namespace {

// Only Wine's ntdll exports this name: https://wiki.winehq.org/Developer_FAQ
using GetVersion = const char*(CDECL*)();
GetVersion get_version() {
  const FARPROC function = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version");
  return reinterpret_cast<GetVersion>(reinterpret_cast<void*>(function));
}

}  // namespace

bool running_under_wine() {
  static const bool wine = get_version() != nullptr;
  return wine;
}

int wine_version() {
  static const int version = running_under_wine() ? std::atoi(get_version()()) : 0;
  return version;
}

}  // namespace localsocket::test
