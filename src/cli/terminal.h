// What a terminal allows: one status line on stderr that is rewritten in place.
#pragma once

#include <string>

namespace octoscale {

bool StderrIsTerminal();

// Replaces the status line; cut to the terminal's width.
void RewriteStatusLine(const std::string& text);
void ClearStatusLine();

// 12.345 with one decimal is "12.3"; with the C locale's point.
std::string Fixed(double value, int decimals);

// Seconds as "0:07", "12:34" or "1:02:03".
std::string ClockTime(double seconds);

}  // namespace octoscale
