// What the pages' pieces of code use without saying what it is, and where their programs are kept.
#pragma once

#include <localsocket/localsocket.hpp>
#if defined(DOCS_HAVE_ASIO)
#include <localsocket/asio.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/use_awaitable.hpp>
#endif
#if defined(DOCS_HAVE_POSIX)
#include <localsocket/unix/descriptors.hpp>
#include <localsocket/unix/service.hpp>
#endif

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

namespace docs {

/// Keeps a page's program for main, by where it is.
bool add(const char* where, void (*program)());

using namespace localsocket;
using namespace std::chrono_literals;

inline LocalListener listener;
inline LocalStream stream;
inline MessageStream messages;
inline stop_token stop;
inline std::vector<std::string> events;
inline std::vector<std::string> arguments;

template <class... Things>
void use(Things&&...) {}
template <class... Things>
void serve(Things&&...) {}
template <class... Things>
void forward(Things&&...) {}

#if defined(DOCS_HAVE_ASIO)
inline asio::awaitable<void> echo(AsioStream) { co_return; }
#endif

}  // namespace docs
