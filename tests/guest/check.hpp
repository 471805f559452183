// SPDX-License-Identifier: MIT
// What a program of the guest suite says: one line for each check, and an exit status.
#pragma once

#include <cstdint>
#include <string>

namespace guest {

// "ok NAME", "FAIL NAME: why" or "SKIP NAME: why" on stdout. tests/guest/suite.py reads them.
void ok(const std::string &name);
[[gnu::format(printf, 2, 3)]] void fail(const std::string &name, const char *format, ...);
[[gnu::format(printf, 2, 3)]] void skip(const std::string &name, const char *format, ...);

// ok() when GOOD, else fail() with the reason. Returns GOOD.
[[gnu::format(printf, 3, 4)]] bool check(bool good, const std::string &name, const char *format,
                                         ...);

// Nothing else can be checked: says why and ends the program.
[[noreturn, gnu::format(printf, 1, 2)]] void give_up(const char *format, ...);

// 0 when at least one check was good and none was bad.
int status();

// A forked child counts for itself.
void forget_results();

double now(); // seconds, monotonic

} // namespace guest
