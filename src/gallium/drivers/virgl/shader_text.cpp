// SPDX-License-Identifier: MIT
// TGSI as text: what is sent to the host.
#include "gallium/drivers/virgl/shader_tgsi.hpp"

#include <cstdio>
#include <cstdlib>

#include "tgsi/tgsi_dump.h"
#include "tgsi/tgsi_parse.h"

namespace virgl {

std::string to_text(const tgsi_token *tokens)
{
   // A stream that grows: shaders have no largest size.
   char *data = nullptr;
   size_t size = 0;
   FILE *stream = open_memstream(&data, &size);
   if (!stream)
      return {};
   // Floats as hexadecimal numbers, which lose nothing.
   tgsi_dump_to_file(tokens, TGSI_DUMP_FLOAT_AS_HEX, stream);
   const bool ok = fflush(stream) == 0 && !ferror(stream);
   std::string text = ok ? std::string(data, size) : std::string();
   fclose(stream);
   free(data);
   return text;
}

uint32_t parsed_tokens(const tgsi_token *tokens)
{
   // Older parsers give one more token to every instruction between these two opcodes, whether or
   // not it names memory: barriers do not. (virglrenderer's tgsi_text.c, parse_instruction.)
   uint32_t count = uint32_t(tgsi_num_tokens(tokens));
   tgsi_parse_context parse;
   if (tgsi_parse_init(&parse, tokens) != TGSI_PARSE_OK)
      return count;
   while (!tgsi_parse_end_of_tokens(&parse)) {
      tgsi_parse_token(&parse);
      if (parse.FullToken.Token.Type != TGSI_TOKEN_TYPE_INSTRUCTION)
         continue;
      const auto &inst = parse.FullToken.FullInstruction.Instruction;
      if (inst.Opcode >= TGSI_OPCODE_LOAD && inst.Opcode <= TGSI_OPCODE_ATOMIMAX && !inst.Memory)
         count++;
   }
   tgsi_parse_free(&parse);
   return count;
}

} // namespace virgl
