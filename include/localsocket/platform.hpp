// What a platform decides about the public API: how a symbol is exported and what a native handle is.
// This is the one public header with a conditional on the operating system.
#pragma once

#include <localsocket/config.hpp>

#include <cstdint>

#if defined(LOCALSOCKET_STATIC)
#define LOCALSOCKET_EXPORT
#elif defined(_WIN32)
#if defined(LOCALSOCKET_BUILDING)
#define LOCALSOCKET_EXPORT __declspec(dllexport)
#else
#define LOCALSOCKET_EXPORT __declspec(dllimport)
#endif
#else
#define LOCALSOCKET_EXPORT __attribute__((visibility("default")))
#endif

/// Without exceptions only the forms of calls exist that take a std::error_code&.
#if defined(__cpp_exceptions)
#define LOCALSOCKET_HAS_EXCEPTIONS 1
#else
#define LOCALSOCKET_HAS_EXCEPTIONS 0
#endif

namespace localsocket::inline LOCALSOCKET_ABI {

#if defined(_WIN32)
/// A `HANDLE` of a named pipe, without <windows.h>.
using NativeHandle = void*;
/// What native_handle() gives when there is none: INVALID_HANDLE_VALUE.
inline const NativeHandle invalid_handle = reinterpret_cast<NativeHandle>(static_cast<std::intptr_t>(-1));
#else
/// The file descriptor of a Unix domain socket.
using NativeHandle = int;
/// What native_handle() gives when there is none.
inline constexpr NativeHandle invalid_handle = -1;
#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI
