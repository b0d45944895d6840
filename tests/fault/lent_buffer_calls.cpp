// Buffers that are lent to a peer.
#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>

#include "fault/calls.hpp"
#include "support/differences.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

constexpr std::size_t size = 4096;

struct Lent {
  Ends ends = connected_ends();
  MessageStream to_lend{std::move(ends.client), {.handles = true}};
  MessageStream to_borrow{std::move(ends.server), {.handles = true}};
  BufferLender lender;
  BufferBorrower borrower;
  LentBuffer acquired;
  std::optional<BorrowedBuffer> received;

  void create(std::error_code& ec) {
    lender = BufferLender::create(std::move(to_lend), {.buffer_size = size, .buffers = 1}, 10s, ec);
  }
  void borrow(std::error_code&) { borrower = BufferBorrower(std::move(to_borrow)); }
  void acquire(std::error_code& ec) { acquired = lender.acquire(10s, ec); }
  void send(std::error_code& ec) { lender.send(std::move(acquired), size, 10s, ec); }
  void receive(std::error_code& ec) { received = borrower.receive(10s, ec); }
  void give_back(std::error_code& ec) { received->give_back(ec); }
  void take_returns(std::error_code& ec) { lender.take_returns(ec); }

  bool is_over() {
    return !lender || !borrower || !lender.messages().stream().is_open() || !borrower.messages().stream().is_open();
  }

  /// That what was under way arrives and comes back, and that the only buffer goes round once more.
  void expect_round() {
    std::error_code ec;
    if (!borrower && to_borrow.stream().is_open()) borrow(ec);
    if (!borrower || !borrower.messages().stream().is_open()) return;
    if (!lender && to_lend.stream().is_open()) create(ec);
    EXPECT_CODE(ec, success);
    if (is_over()) return;
    lender.messages().flush(10s);
    acquired = {};
    received.reset();
    while (borrower.receive(0s, ec)) {
    }
    if (is_over()) return;
    for (const auto step : {&Lent::acquire, &Lent::send, &Lent::receive, &Lent::give_back}) {
      (this->*step)(ec);
      ASSERT_CODE(ec, success);
    }
    ASSERT_TRUE(lender.acquire(10s));
  }
};

using Step = void (Lent::*)(std::error_code&);

Prepared use_buffer(std::initializer_list<Step> before, Step step) {
  auto state = std::make_shared<Lent>();
  std::error_code ec;
  for (const Step each : before) {
    ((*state).*each)(ec);
    EXPECT_CODE(ec, success);
  }
  return prepared(
      std::move(state),
      [step](Lent& s) {
        std::error_code error;
        (s.*step)(error);
        return error;
      },
      [](Lent& s, const std::error_code&) { s.expect_round(); });
}

const bool lent =
    !platform.has_shared_memory ||
    add_calls({
        {"create a lender", [] { return use_buffer({}, &Lent::create); }},
        {"make a borrower", [] { return use_buffer({}, &Lent::borrow); }},
        {"acquire a buffer",
         [] {
           return use_buffer({&Lent::create, &Lent::borrow}, &Lent::acquire);
         }},
        {"acquire a buffer that comes back",
         [] {
           return use_buffer(
               {&Lent::create, &Lent::borrow, &Lent::acquire, &Lent::send, &Lent::receive, &Lent::give_back},
               &Lent::acquire);
         }},
        {"send a buffer",
         [] {
           return use_buffer({&Lent::create, &Lent::borrow, &Lent::acquire}, &Lent::send);
         }},
        {"receive a buffer and the memory",
         [] {
           return use_buffer({&Lent::create, &Lent::borrow, &Lent::acquire, &Lent::send}, &Lent::receive);
         }},
        {"give a buffer back",
         [] {
           return use_buffer({&Lent::create, &Lent::borrow, &Lent::acquire, &Lent::send, &Lent::receive},
                             &Lent::give_back);
         }},
        {"take returned buffers",
         [] {
           return use_buffer(
               {&Lent::create, &Lent::borrow, &Lent::acquire, &Lent::send, &Lent::receive, &Lent::give_back},
               &Lent::take_returns);
         }},
    });

}  // namespace
}  // namespace localsocket::test
