// SPDX-License-Identifier: MIT
#include "gallium/drivers/virgl/shader_variant.hpp"
#include "gallium/drivers/virgl/debug.hpp"
#include "gallium/drivers/virgl/shader_tgsi.hpp"
#include "gallium/drivers/virgl/tgsi_build.hpp"

#include <cstdio>
#include <vector>

#include "tgsi/tgsi_text.h"
extern "C" {
#include "tgsi/tgsi_transform.h"
}

namespace virgl {
namespace {

// What an instruction that samples with a sampler's wrapping needs rewritten.
struct Sampling {
   unsigned sampler = 0; // operand of the sampler
   unsigned axes = 0;    // coordinates that wrap; 0: it is no such instruction
};

// Cube maps do not wrap. Texel fetches and queries of any kind have no wrapping either: that of the
// level of detail would only get other derivatives than it should.
unsigned wrapping_axes(unsigned target)
{
   switch (target) {
   case TGSI_TEXTURE_1D:
   case TGSI_TEXTURE_1D_ARRAY:
   case TGSI_TEXTURE_SHADOW1D:
   case TGSI_TEXTURE_SHADOW1D_ARRAY:
      return 1;
   case TGSI_TEXTURE_2D:
   case TGSI_TEXTURE_RECT:
   case TGSI_TEXTURE_2D_ARRAY:
   case TGSI_TEXTURE_SHADOW2D:
   case TGSI_TEXTURE_SHADOWRECT:
   case TGSI_TEXTURE_SHADOW2D_ARRAY:
      return 2;
   case TGSI_TEXTURE_3D:
      return 3;
   default:
      return 0;
   }
}

Sampling sampling(const Instruction &inst)
{
   Sampling s;
   switch (opcode_of(inst)) {
   case TGSI_OPCODE_TEX:
   case TGSI_OPCODE_TXP:
   case TGSI_OPCODE_TXB:
   case TGSI_OPCODE_TXL:
      s.sampler = 1;
      break;
   case TGSI_OPCODE_TEX2:
   case TGSI_OPCODE_TXB2:
   case TGSI_OPCODE_TXL2:
   case TGSI_OPCODE_TG4:
      s.sampler = 2;
      break;
   case TGSI_OPCODE_TXD:
      s.sampler = 3;
      break;
   default:
      return s;
   }
   s.axes = wrapping_axes(inst.Texture.Texture);
   return s;
}

bool is_rectangle(const Instruction &inst)
{
   return inst.Texture.Texture == TGSI_TEXTURE_RECT ||
          inst.Texture.Texture == TGSI_TEXTURE_SHADOWRECT;
}

// What an instruction does with an image.
struct ImageUse {
   int slot = -1;
   int coordinates = -1; // which operand; -1: it asks for the size
   int layer = -1;       // which coordinate is the layer (faces are layers); -1: there are none
};

ImageUse image_use(const Instruction &inst)
{
   ImageUse use;
   if (inst.Instruction.NumDstRegs > 0 && inst.Dst[0].Register.File == TGSI_FILE_IMAGE) {
      use.slot = inst.Dst[0].Register.Index;
      use.coordinates = 0;
   } else if (inst.Instruction.NumSrcRegs > 0 && inst.Src[0].Register.File == TGSI_FILE_IMAGE) {
      use.slot = inst.Src[0].Register.Index;
      use.coordinates = opcode_of(inst) == TGSI_OPCODE_RESQ ? -1 : 1;
   }
   switch (inst.Memory.Texture) {
   case TGSI_TEXTURE_1D_ARRAY:
      use.layer = 1;
      break;
   case TGSI_TEXTURE_2D_ARRAY:
   case TGSI_TEXTURE_2D_ARRAY_MSAA:
   case TGSI_TEXTURE_CUBE:
   case TGSI_TEXTURE_CUBE_ARRAY:
      use.layer = 2;
      break;
   default:
      break;
   }
   return use;
}

class Specializer {
public:
   Specializer(const tgsi_token *tokens, const ShaderKey &key) : key_(key), in_(tokens)
   {
      hooks_.self = this;
      hooks_.base.transform_declaration = [](tgsi_transform_context *c, tgsi_full_declaration *d) {
         from(c).declaration(*d);
      };
      hooks_.base.transform_instruction = [](tgsi_transform_context *c, tgsi_full_instruction *i) {
         from(c).instruction(*i);
      };
      hooks_.base.prolog = [](tgsi_transform_context *c) { from(c).prolog(); };
   }

   Tokens run()
   {
      if (!scan())
         return nullptr;
      return Tokens(tgsi_transform_shader(in_, tgsi_num_tokens(in_) + 64, &hooks_.base));
   }

private:
   struct Hooks {
      tgsi_transform_context base{};
      Specializer *self = nullptr;
   };

   static Specializer &from(tgsi_transform_context *c)
   {
      return *reinterpret_cast<Hooks *>(c)->self;
   }

   bool scan()
   {
      tgsi_parse_context parse;
      if (tgsi_parse_init(&parse, in_) != TGSI_PARSE_OK)
         return false;
      processor_ = parse.FullHeader.Processor.Processor;
      while (!tgsi_parse_end_of_tokens(&parse)) {
         tgsi_parse_token(&parse);
         if (parse.FullToken.Token.Type == TGSI_TOKEN_TYPE_IMMEDIATE) {
            immediates_++;
         } else if (parse.FullToken.Token.Type == TGSI_TOKEN_TYPE_DECLARATION) {
            const tgsi_full_declaration &decl = parse.FullToken.FullDeclaration;
            if (decl.Declaration.File == TGSI_FILE_TEMPORARY)
               temps_ = std::max(temps_, decl.Range.Last + 1u);
         } else if (parse.FullToken.Token.Type == TGSI_TOKEN_TYPE_INSTRUCTION) {
            clamps_ |= clamped_axes(parse.FullToken.FullInstruction) != 0;
            shifts_ |= partial(image_use(parse.FullToken.FullInstruction)) != nullptr;
         }
      }
      tgsi_parse_free(&parse);
      return true;
   }

   // A mask. For an array of samplers that is indexed by a variable, the first stands for all.
   unsigned clamped_axes(const Instruction &inst) const
   {
      const Sampling s = sampling(inst);
      if (!s.axes)
         return 0;
      const unsigned slot = unsigned(inst.Src[s.sampler].Register.Index);
      unsigned mask = 0;
      for (unsigned axis = 0; axis < s.axes && slot < 32; axis++)
         mask |= (key_.clamped[axis] >> slot & 1u) << axis;
      return mask;
   }

   // Which layers of an image's texture its view has; nullptr: all, or the image has no layers. For an
   // array of images, too, the first stands for all.
   const ShaderKey::Layers *partial(const ImageUse &use) const
   {
      if (use.slot < 0 || unsigned(use.slot) >= key_.layers.size() || use.layer < 0)
         return nullptr;
      const ShaderKey::Layers &layers = key_.layers[unsigned(use.slot)];
      return layers.count ? &layers : nullptr;
   }

   void emit(const Instruction &inst) { hooks_.base.emit_instruction(&hooks_.base, &inst); }

   void emit(tgsi_opcode opcode, const Destination &dst, std::initializer_list<Source> sources)
   {
      emit(make(opcode, dst, sources));
   }

   void declaration(tgsi_full_declaration &decl)
   {
      if (key_.clip_planes && decl.Declaration.File == TGSI_FILE_OUTPUT &&
          decl.Semantic.Name == TGSI_SEMANTIC_CLIPDIST)
         return;
      if (const unsigned base = slot_base(decl.Declaration.File)) {
         decl.Range.First += base;
         decl.Range.Last += base;
      }
      hooks_.base.emit_declaration(&hooks_.base, &decl);
   }

   unsigned slot_base(unsigned file) const
   {
      return file == TGSI_FILE_BUFFER ? key_.buffer_base
             : file == TGSI_FILE_IMAGE ? key_.image_base
                                       : 0u;
   }

   unsigned immediate(unsigned type, std::array<uint32_t, 4> values)
   {
      tgsi_full_immediate imm = tgsi_default_full_immediate();
      imm.Immediate.NrTokens += 4;
      imm.Immediate.DataType = type;
      for (unsigned c = 0; c < 4; c++)
         imm.u[c].Uint = values[c];
      hooks_.base.emit_immediate(&hooks_.base, &imm);
      return immediates_++;
   }

   void prolog()
   {
      if (!clamps_ && !shifts_)
         return;
      // Zero, and the largest number below one: at one, a nearest texel would be the border.
      if (clamps_)
         limits_ = immediate(TGSI_IMM_FLOAT32, {0, 0x3f7fffff, 0, 0});
      for (unsigned slot = 0; slot < key_.layers.size(); slot++) {
         const ShaderKey::Layers &layers = key_.layers[slot];
         if (shifts_ && layers.count) {
            layers_[slot] = immediate(TGSI_IMM_UINT32,
                                      {layers.first, layers.count, layers.count / 6u, 0});
         }
      }
      tgsi_full_declaration decl = tgsi_default_full_declaration();
      decl.Declaration.File = TGSI_FILE_TEMPORARY;
      decl.Range.First = temps_;
      decl.Range.Last = temps_ + num_temps - 1;
      hooks_.base.emit_declaration(&hooks_.base, &decl);
   }

   void instruction(Instruction &inst)
   {
      if (const unsigned axes = clamped_axes(inst))
         clamp(inst, axes);
      const ImageUse use = image_use(inst);
      const bool some_layers = partial(use) != nullptr;
      if (some_layers && use.coordinates >= 0)
         shift_layer(inst, use);
      for (unsigned i = 0; i < inst.Instruction.NumDstRegs; i++)
         inst.Dst[i].Register.Index += int(slot_base(inst.Dst[i].Register.File));
      for (unsigned i = 0; i < inst.Instruction.NumSrcRegs; i++)
         inst.Src[i].Register.Index += int(slot_base(inst.Src[i].Register.File));
      emit(inst);
      if (some_layers && use.coordinates < 0)
         replace_count(inst, use);
   }

   // The host's image begins with the texture's first layer.
   void shift_layer(Instruction &inst, const ImageUse &use)
   {
      const unsigned coord = temps_;
      Source &from = inst.Src[use.coordinates];
      emit(TGSI_OPCODE_MOV, temp_destination(coord, TGSI_WRITEMASK_XYZW), {from});
      emit(TGSI_OPCODE_UADD, temp_destination(coord, 1u << use.layer),
           {temp_source(coord), layers(use, 0)});
      // The sample's number is a float (see shader_tgsi.cpp), save in immediates.
      if (inst.Memory.Texture == TGSI_TEXTURE_2D_ARRAY_MSAA &&
          from.Register.File == TGSI_FILE_IMMEDIATE)
         emit(TGSI_OPCODE_I2F, temp_destination(coord, TGSI_WRITEMASK_W), {temp_source(coord)});
      from = temp_source(coord);
   }

   // ... and has all of its layers. A cube's size has none, an array of cubes counts in cubes.
   void replace_count(const Instruction &inst, const ImageUse &use)
   {
      Destination dst = inst.Dst[0];
      dst.Register.WriteMask &= 1u << use.layer;
      if (!dst.Register.WriteMask || inst.Memory.Texture == TGSI_TEXTURE_CUBE)
         return;
      const bool cubes = inst.Memory.Texture == TGSI_TEXTURE_CUBE_ARRAY;
      emit(TGSI_OPCODE_MOV, dst, {layers(use, cubes ? 2 : 1)});
   }

   Source layers(const ImageUse &use, unsigned value) const
   {
      return component(source(TGSI_FILE_IMMEDIATE, layers_[unsigned(use.slot)]), value);
   }

   void clamp(Instruction &inst, unsigned axes)
   {
      const unsigned coord = temps_;
      const Source sampler = inst.Src[sampling(inst).sampler];
      emit(TGSI_OPCODE_MOV, temp_destination(coord, TGSI_WRITEMASK_XYZW), {inst.Src[0]});
      inst.Src[0] = temp_source(coord);
      if (opcode_of(inst) == TGSI_OPCODE_TXP) {
         // What is projected is the reference of a comparison, too.
         const Source q = component(temp_source(coord), 3);
         emit(TGSI_OPCODE_RCP, temp_destination(coord, TGSI_WRITEMASK_W), {q});
         emit(TGSI_OPCODE_MUL, temp_destination(coord, TGSI_WRITEMASK_XYZ),
              {temp_source(coord), q});
         inst.Instruction.Opcode = TGSI_OPCODE_TEX;
      }
      const unsigned slot = unsigned(sampler.Register.Index);
      if ((key_.graded >> slot & 1) && processor_ == PIPE_SHADER_FRAGMENT)
         keep_derivatives(inst, sampler);
      const Source zero = component(source(TGSI_FILE_IMMEDIATE, limits_), 0);
      Source one = component(source(TGSI_FILE_IMMEDIATE, limits_), 1);
      if (is_rectangle(inst)) {
         const unsigned size = temps_ + 3;
         Instruction query =
            make(TGSI_OPCODE_TXQ, temp_destination(size, TGSI_WRITEMASK_XY), {zero, sampler});
         query.Instruction.Texture = 1;
         query.Texture.Texture = inst.Texture.Texture;
         emit(query);
         emit(TGSI_OPCODE_I2F, temp_destination(size, TGSI_WRITEMASK_XY), {temp_source(size)});
         emit(TGSI_OPCODE_MUL, temp_destination(size, TGSI_WRITEMASK_XY),
              {temp_source(size), one});
         one = temp_source(size);
      }
      // The bits of axes are those of the mask.
      const Destination clamped = temp_destination(coord, axes);
      emit(TGSI_OPCODE_MAX, clamped, {temp_source(coord), zero});
      emit(TGSI_OPCODE_MIN, clamped, {temp_source(coord), one});
   }

   // The coordinates are about to change: makes the instruction one with explicit gradients.
   void keep_derivatives(Instruction &inst, const Source &sampler)
   {
      const unsigned coord = temps_, ddx = temps_ + 1, ddy = temps_ + 2, scale = temps_ + 3;
      Source bias{};
      switch (opcode_of(inst)) {
      case TGSI_OPCODE_TEX:
         break;
      case TGSI_OPCODE_TXB:
         bias = component(temp_source(coord), 3);
         break;
      case TGSI_OPCODE_TXB2:
         bias = component(inst.Src[1], 0);
         break;
      default:
         return; // they say the level themselves
      }
      const bool biased = opcode_of(inst) != TGSI_OPCODE_TEX;
      emit(TGSI_OPCODE_DDX, temp_destination(ddx, TGSI_WRITEMASK_XYZ), {temp_source(coord)});
      emit(TGSI_OPCODE_DDY, temp_destination(ddy, TGSI_WRITEMASK_XYZ), {temp_source(coord)});
      if (biased) {
         // A level more is twice the distance.
         emit(TGSI_OPCODE_EX2, temp_destination(scale, TGSI_WRITEMASK_X), {bias});
         for (unsigned derivative : {ddx, ddy}) {
            emit(TGSI_OPCODE_MUL, temp_destination(derivative, TGSI_WRITEMASK_XYZ),
                 {temp_source(derivative), component(temp_source(scale), 0)});
         }
      }
      inst.Instruction.Opcode = TGSI_OPCODE_TXD;
      inst.Instruction.NumSrcRegs = 4;
      inst.Src[1] = temp_source(ddx);
      inst.Src[2] = temp_source(ddy);
      inst.Src[3] = sampler;
   }

   // The coordinates, their derivatives, and something to reckon with.
   static constexpr unsigned num_temps = 4;

   Hooks hooks_;
   const ShaderKey &key_;
   const tgsi_token *in_;
   unsigned processor_ = 0;
   unsigned temps_ = 0; // the first one of ours
   unsigned immediates_ = 0;
   bool clamps_ = false;
   bool shifts_ = false;
   // Immediates.
   unsigned limits_ = 0;
   std::array<unsigned, std::tuple_size_v<decltype(ShaderKey::layers)>> layers_{};
};

} // namespace

bool shader_variant(const ShaderText &base, pipe_shader_type stage, const ShaderKey &key,
                    ShaderText &out)
{
   // Sized as the host sizes its own, and a header's worth more.
   std::vector<tgsi_token> tokens(base.num_tokens + 16);
   Tokens made;
   if (tgsi_text_translate(base.text.c_str(), tokens.data(), unsigned(tokens.size())))
      made = Specializer(tokens.data(), key).run();
   if (made) {
      out.text = to_text(made.get());
      out.num_tokens = parsed_tokens(made.get());
   }
   if (!made || out.text.empty()) {
      fprintf(stderr, "verglas: a shader cannot be specialized\n");
      return false;
   }
   out.stream_output = base.stream_output;
   out.shared_bytes = base.shared_bytes;
   if (debug_enabled(Debug::shaders))
      shader_dump(stage, out);
   return true;
}

} // namespace virgl
