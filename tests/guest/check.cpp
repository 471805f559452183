// SPDX-License-Identifier: MIT
#include "check.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <time.h>

namespace guest {
namespace {

int good_count = 0;
int bad_count = 0;

void say(const char *word, const std::string &name, const char *format, va_list arguments)
{
   char why[400];
   vsnprintf(why, sizeof(why), format, arguments);
   printf("%s %s: %s\n", word, name.c_str(), why);
   fflush(stdout); // a later crash must not take it away
}

} // namespace

void ok(const std::string &name)
{
   good_count++;
   printf("ok %s\n", name.c_str());
   fflush(stdout);
}

void fail(const std::string &name, const char *format, ...)
{
   bad_count++;
   va_list arguments;
   va_start(arguments, format);
   say("FAIL", name, format, arguments);
   va_end(arguments);
}

void skip(const std::string &name, const char *format, ...)
{
   va_list arguments;
   va_start(arguments, format);
   say("SKIP", name, format, arguments);
   va_end(arguments);
}

bool check(bool good, const std::string &name, const char *format, ...)
{
   if (good) {
      ok(name);
      return true;
   }
   bad_count++;
   va_list arguments;
   va_start(arguments, format);
   say("FAIL", name, format, arguments);
   va_end(arguments);
   return false;
}

void give_up(const char *format, ...)
{
   va_list arguments;
   va_start(arguments, format);
   say("FAIL", "start", format, arguments);
   va_end(arguments);
   exit(1);
}

int status()
{
   return good_count > 0 && bad_count == 0 ? 0 : 1;
}

void forget_results()
{
   good_count = bad_count = 0;
}

double now()
{
   timespec t;
   clock_gettime(CLOCK_MONOTONIC, &t);
   return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

} // namespace guest
