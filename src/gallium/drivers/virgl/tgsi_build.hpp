// SPDX-License-Identifier: MIT
// Instructions and operands of TGSI, for the passes that rewrite shaders.
#pragma once

#include <algorithm>
#include <initializer_list>

extern "C" {
#include "tgsi/tgsi_build.h"
}
#include "tgsi/tgsi_parse.h"

namespace virgl {

using Instruction = tgsi_full_instruction;
using Source = tgsi_full_src_register;
using Destination = tgsi_full_dst_register;

inline tgsi_opcode opcode_of(const Instruction &inst)
{
   return tgsi_opcode(inst.Instruction.Opcode);
}

inline Source swizzled(Source src, unsigned x, unsigned y, unsigned z, unsigned w)
{
   src.Register.SwizzleX = x;
   src.Register.SwizzleY = y;
   src.Register.SwizzleZ = z;
   src.Register.SwizzleW = w;
   return src;
}

inline Source source(tgsi_file_type file, unsigned index)
{
   Source src{};
   src.Register.File = file;
   src.Register.Index = int(index);
   return swizzled(src, TGSI_SWIZZLE_X, TGSI_SWIZZLE_Y, TGSI_SWIZZLE_Z, TGSI_SWIZZLE_W);
}

inline Source temp_source(unsigned index)
{
   return source(TGSI_FILE_TEMPORARY, index);
}

// One component of an operand, in all four places.
inline Source component(const Source &src, unsigned c)
{
   const unsigned from[] = {src.Register.SwizzleX, src.Register.SwizzleY, src.Register.SwizzleZ,
                            src.Register.SwizzleW};
   return swizzled(src, from[c], from[c], from[c], from[c]);
}

inline Destination temp_destination(unsigned index, unsigned mask)
{
   Destination dst{};
   dst.Register.File = TGSI_FILE_TEMPORARY;
   dst.Register.Index = int(index);
   dst.Register.WriteMask = mask;
   return dst;
}

inline Instruction make(tgsi_opcode opcode, const Destination &dst,
                        std::initializer_list<Source> sources)
{
   Instruction inst = tgsi_default_full_instruction();
   inst.Instruction.Opcode = opcode;
   inst.Instruction.NumDstRegs = 1;
   inst.Dst[0] = dst;
   inst.Instruction.NumSrcRegs = unsigned(sources.size());
   std::copy(sources.begin(), sources.end(), inst.Src);
   return inst;
}

} // namespace virgl
