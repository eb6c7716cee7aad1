# SPDX-License-Identifier: Apache-2.0
# cmake -DIN=x.lua -DOUT=x.c -DNAME=x -P embed.cmake: a file's text as a C string.
file(READ ${IN} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE ${OUT} "extern const char ${NAME}[];\nconst char ${NAME}[] =\n    \"${text}\";\n")
