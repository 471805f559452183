// SPDX-License-Identifier: MIT
// Hosts turn TGSI into GLSL with a translator that grew around what Mesa's old compiler emitted.
// Much of what is legal TGSI it refuses or gets wrong, in other ways from version to version, so
// shaders are put into the part of the language that all of them get right. What is known to go
// wrong is named at the rule that avoids it (virglrenderer's vrend_shader.c, and what Mesa's
// virgl_tgsi.c tells of older hosts).
#include "gallium/drivers/virgl/shader_tgsi.hpp"
#include "gallium/drivers/virgl/tgsi_build.hpp"

#include <algorithm>
#include <vector>

#include "tgsi/tgsi_info.h"
extern "C" {
#include "tgsi/tgsi_transform.h"
}

namespace virgl {
namespace {

constexpr unsigned MASK_ALL = TGSI_WRITEMASK_XYZW;

bool reads_doubles(const Instruction &inst, unsigned i)
{
   return tgsi_opcode_infer_src_type(opcode_of(inst), i) == TGSI_TYPE_DOUBLE;
}

bool writes_doubles(const Instruction &inst)
{
   return inst.Instruction.NumDstRegs > 0 &&
          tgsi_opcode_infer_dst_type(opcode_of(inst), 0) == TGSI_TYPE_DOUBLE;
}

bool is_texture(const Instruction &inst)
{
   return tgsi_get_opcode_info(opcode_of(inst))->is_tex;
}

// A property the host's translator does not know fails the whole shader, so only these pass.
bool property_known(unsigned name, const Dialect &dialect)
{
   switch (name) {
   case TGSI_PROPERTY_GS_INPUT_PRIM:
   case TGSI_PROPERTY_GS_OUTPUT_PRIM:
   case TGSI_PROPERTY_GS_MAX_OUTPUT_VERTICES:
   case TGSI_PROPERTY_GS_INVOCATIONS:
   case TGSI_PROPERTY_TCS_VERTICES_OUT:
   case TGSI_PROPERTY_TES_PRIM_MODE:
   case TGSI_PROPERTY_TES_SPACING:
   case TGSI_PROPERTY_TES_VERTEX_ORDER_CW:
   case TGSI_PROPERTY_TES_POINT_MODE:
   case TGSI_PROPERTY_FS_COORD_ORIGIN:
   case TGSI_PROPERTY_FS_COORD_PIXEL_CENTER:
   case TGSI_PROPERTY_FS_COLOR0_WRITES_ALL_CBUFS:
   case TGSI_PROPERTY_FS_DEPTH_LAYOUT:
   case TGSI_PROPERTY_FS_EARLY_DEPTH_STENCIL:
   case TGSI_PROPERTY_CS_FIXED_BLOCK_WIDTH:
   case TGSI_PROPERTY_CS_FIXED_BLOCK_HEIGHT:
   case TGSI_PROPERTY_CS_FIXED_BLOCK_DEPTH:
      return true;
   case TGSI_PROPERTY_FS_BLEND_EQUATION_ADVANCED:
      return dialect.advanced_blend;
   case TGSI_PROPERTY_NUM_CLIPDIST_ENABLED:
   case TGSI_PROPERTY_NUM_CULLDIST_ENABLED:
      return dialect.cull_distance;
   default:
      return false;
   }
}

// An input that the translator gets wrong in most instructions but right in one: copied to a
// temporary first, by that one.
struct Copied {
   enum class By { signed_maximum, move, move_xyz };
   unsigned file;
   int index;
   By by;
   unsigned temp;
};

// An output that must be written whole, because its GLSL counterpart takes no mask: written to a
// temporary, which is moved over after each write.
struct Whole {
   int first, last;
   bool partial; // some write is masked
   unsigned temp;
};

class Rewriter {
public:
   Rewriter(const tgsi_token *tokens, const Dialect &dialect) : dialect_(dialect), in_(tokens)
   {
      hooks_.self = this;
      hooks_.base.transform_declaration = [](tgsi_transform_context *c, tgsi_full_declaration *d) {
         from(c).declaration(*d);
      };
      hooks_.base.transform_property = [](tgsi_transform_context *c, tgsi_full_property *p) {
         if (from(c).wants(*p))
            c->emit_property(c, p);
      };
      hooks_.base.transform_instruction = [](tgsi_transform_context *c, tgsi_full_instruction *i) {
         from(c).instruction(*i);
      };
      hooks_.base.prolog = [](tgsi_transform_context *c) { from(c).prolog(); };
   }

   Tokens run()
   {
      scan();
      return Tokens(tgsi_transform_shader(in_, tgsi_num_tokens(in_) + 64, &hooks_.base));
   }

private:
   struct Hooks {
      tgsi_transform_context base{};
      Rewriter *self = nullptr;
   };

   static Rewriter &from(tgsi_transform_context *c) { return *reinterpret_cast<Hooks *>(c)->self; }

   // --- what the shader has, before anything is written

   void scan()
   {
      tgsi_parse_context parse;
      if (tgsi_parse_init(&parse, in_) != TGSI_PARSE_OK)
         return;
      processor_ = pipe_shader_type(parse.FullHeader.Processor.Processor);
      while (!tgsi_parse_end_of_tokens(&parse)) {
         tgsi_parse_token(&parse);
         switch (parse.FullToken.Token.Type) {
         case TGSI_TOKEN_TYPE_DECLARATION:
            scan_declaration(parse.FullToken.FullDeclaration);
            break;
         case TGSI_TOKEN_TYPE_IMMEDIATE:
            immediates_++;
            break;
         case TGSI_TOKEN_TYPE_INSTRUCTION:
            scan_instruction(parse.FullToken.FullInstruction);
            break;
         default:
            break;
         }
      }
      tgsi_parse_free(&parse);
   }

   void scan_declaration(const tgsi_full_declaration &decl)
   {
      const int first = decl.Range.First;
      const int last = decl.Range.Last;
      switch (decl.Declaration.File) {
      case TGSI_FILE_TEMPORARY:
         temps_ = std::max(temps_, unsigned(last) + 1);
         break;
      case TGSI_FILE_INPUT:
         // Integers, but unsigned instructions read them as floats (fixed late in 0.9).
         if (decl.Semantic.Name == TGSI_SEMANTIC_LAYER ||
             decl.Semantic.Name == TGSI_SEMANTIC_VIEWPORT_INDEX)
            copied_.push_back({decl.Declaration.File, first, Copied::By::signed_maximum, 0});
         if (decl.Semantic.Name == TGSI_SEMANTIC_FACE)
            face_ = first;
         break;
      case TGSI_FILE_SYSTEM_VALUE:
         // A vec3: signed instructions read it as floats, and a fourth component does not compile,
         // not even one that is masked out.
         if (decl.Semantic.Name == TGSI_SEMANTIC_BLOCK_ID)
            copied_.push_back({decl.Declaration.File, first, Copied::By::move_xyz, 0});
         // A bool, which only a move converts.
         if (decl.Semantic.Name == TGSI_SEMANTIC_HELPER_INVOCATION)
            copied_.push_back({decl.Declaration.File, first, Copied::By::move, 0});
         break;
      case TGSI_FILE_OUTPUT:
         outputs_ = std::max(outputs_, unsigned(last) + 1);
         if (processor_ == PIPE_SHADER_FRAGMENT) {
            second_colour_ |= decl.Semantic.Name == TGSI_SEMANTIC_COLOR && decl.Semantic.Index > 0;
            break;
         }
         if (decl.Semantic.Name == TGSI_SEMANTIC_TESSOUTER)
            levels_.push_back({first, TGSI_WRITEMASK_XYZW});
         if (decl.Semantic.Name == TGSI_SEMANTIC_TESSINNER)
            levels_.push_back({first, TGSI_WRITEMASK_XY});
         // Clip vertices, clip distances and two-sided colours are variables of the translator's
         // own that are assigned as a whole.
         if (decl.Semantic.Name == TGSI_SEMANTIC_CLIPVERTEX ||
             decl.Semantic.Name == TGSI_SEMANTIC_CLIPDIST ||
             decl.Semantic.Name == TGSI_SEMANTIC_COLOR ||
             decl.Semantic.Name == TGSI_SEMANTIC_BCOLOR)
            whole_.push_back({first, last, false, 0});
         break;
      default:
         break;
      }
   }

   void scan_instruction(const Instruction &inst)
   {
      for (unsigned i = 0; i < inst.Instruction.NumDstRegs; i++) {
         const auto &reg = inst.Dst[i].Register;
         if (reg.File != TGSI_FILE_OUTPUT)
            continue;
         if (Whole *w = whole(reg.Index); w && reg.WriteMask != MASK_ALL)
            w->partial = true;
      }
      for (unsigned i = 0; i < inst.Instruction.NumSrcRegs; i++)
         uses_scratch_ |= reads_doubles(inst, i);
      uses_scratch_ |= moves_coordinate(inst) || detours(inst) || sample_operand(inst) != nullptr ||
                       levels_written(inst) != 0;
      uses_sign_ |= opcode_of(inst) == TGSI_OPCODE_DNEG || opcode_of(inst) == TGSI_OPCODE_DFLR;
   }

   Whole *whole(int index)
   {
      for (Whole &w : whole_) {
         if (index >= w.first && index <= w.last)
            return &w;
      }
      return nullptr;
   }

   // The translator gathers an instruction's immediates in a buffer of fixed size, which
   // coordinates as immediates overran (until 0.9.1).
   static bool moves_coordinate(const Instruction &inst)
   {
      return is_texture(inst) && inst.Instruction.NumSrcRegs > 0 &&
             inst.Src[0].Register.File == TGSI_FILE_IMMEDIATE;
   }

   // The operand with the number of a sample as its fourth component: images of several samples. The
   // translator makes an integer of that component as if it were a float, not so of an immediate's.
   static const Source *sample_operand(const Instruction &inst)
   {
      if (!inst.Instruction.Memory || (inst.Memory.Texture != TGSI_TEXTURE_2D_MSAA &&
                                       inst.Memory.Texture != TGSI_TEXTURE_2D_ARRAY_MSAA))
         return nullptr;
      const bool store = opcode_of(inst) == TGSI_OPCODE_STORE;
      const unsigned operand = store ? 0 : 1; // loads and atomics name the image before
      const bool there = operand < inst.Instruction.NumSrcRegs;
      return there && inst.Src[operand].Register.File != TGSI_FILE_IMMEDIATE ? &inst.Src[operand]
                                                                            : nullptr;
   }

   // Results that are not floats are not converted to the output's type, save by moves and texture
   // instructions.
   static bool detours(const Instruction &inst)
   {
      return inst.Instruction.NumDstRegs > 0 && inst.Dst[0].Register.File == TGSI_FILE_OUTPUT &&
             opcode_of(inst) != TGSI_OPCODE_MOV && !is_texture(inst) &&
             !tgsi_get_opcode_info(opcode_of(inst))->is_store &&
             tgsi_opcode_infer_dst_type(opcode_of(inst), 0) != TGSI_TYPE_FLOAT;
   }

   // Tessellation levels are arrays, which are written component by component or not at all
   // (get_destination_info): which components; 0 where it is one, or the output is another.
   unsigned levels_written(const Instruction &inst) const
   {
      if (inst.Instruction.NumDstRegs != 1 || inst.Dst[0].Register.File != TGSI_FILE_OUTPUT)
         return 0;
      for (const auto &[index, components] : levels_) {
         const unsigned mask = inst.Dst[0].Register.WriteMask;
         if (inst.Dst[0].Register.Index == index && (mask & (mask - 1)))
            return mask & components;
      }
      return 0;
   }

   // --- writing

   bool wants(const tgsi_full_property &prop) const
   {
      const unsigned name = prop.Property.PropertyName;
      // With "colour 0 goes to all buffers" the second colour of a blend of two is forgotten.
      if (name == TGSI_PROPERTY_FS_COLOR0_WRITES_ALL_CBUFS && second_colour_)
         return false;
      return property_known(name, dialect_);
   }

   void emit(const Instruction &inst) { hooks_.base.emit_instruction(&hooks_.base, &inst); }

   unsigned allocate(unsigned count)
   {
      const unsigned first = temps_;
      temps_ += count;
      tgsi_full_declaration decl = tgsi_default_full_declaration();
      decl.Declaration.File = TGSI_FILE_TEMPORARY;
      decl.Range.First = first;
      decl.Range.Last = temps_ - 1;
      hooks_.base.emit_declaration(&hooks_.base, &decl);
      return first;
   }

   void declaration(tgsi_full_declaration &decl)
   {
      // Buffer 0 holds the loose uniforms, which the host keeps apart from uniform buffers: it
      // knows them by their having one index only.
      if (decl.Declaration.File == TGSI_FILE_CONSTANT && decl.Declaration.Dimension &&
          decl.Dim.Index2D == 0)
         decl.Declaration.Dimension = 0;
      if (!dialect_.invariant)
         decl.Declaration.Invariant = 0;
      hooks_.base.emit_declaration(&hooks_.base, &decl);
   }

   // After the declarations: the temporaries of our own, and the copies of troublesome inputs.
   void prolog()
   {
      if (dialect_.separable) {
         tgsi_full_property prop = tgsi_default_full_property();
         prop.Property.PropertyName = TGSI_PROPERTY_SEPARABLE_PROGRAM;
         prop.Property.NrTokens += 1;
         prop.u[0].Data = 1;
         hooks_.base.emit_property(&hooks_.base, &prop);
      }
      if (dialect_.no_clip_planes) {
         // Without the property that says how many, which the host would pass on to other stages, even
         // of the next program that is linked.
         tgsi_full_declaration decl = tgsi_default_full_declaration();
         decl.Declaration.File = TGSI_FILE_OUTPUT;
         decl.Declaration.UsageMask = TGSI_WRITEMASK_X;
         decl.Declaration.Semantic = 1;
         decl.Semantic.Name = TGSI_SEMANTIC_CLIPDIST;
         decl.Range.First = decl.Range.Last = outputs_;
         hooks_.base.emit_declaration(&hooks_.base, &decl);
      }
      if (uses_sign_) {
         sign_immediate_ = int(immediates_);
         tgsi_full_immediate imm = tgsi_default_full_immediate();
         imm.Immediate.NrTokens += 4;
         imm.Immediate.DataType = TGSI_IMM_UINT32;
         for (auto &value : imm.u)
            value.Uint = 0x80000000;
         hooks_.base.emit_immediate(&hooks_.base, &imm);
      }
      if (uses_scratch_)
         scratch_ = allocate(SCRATCH_COUNT);
      for (Whole &w : whole_) {
         if (w.partial)
            w.temp = allocate(unsigned(w.last - w.first + 1));
      }
      for (Copied &c : copied_)
         c.temp = allocate(1);
      precise_.resize(temps_);
      for (const Copied &c : copied_)
         copy_input(c);
   }

   void copy_input(const Copied &c)
   {
      Source src = temp_source(0);
      src.Register.File = c.file;
      src.Register.Index = c.index;
      const Destination dst = temp_destination(c.temp, MASK_ALL);
      switch (c.by) {
      case Copied::By::signed_maximum:
         emit(make(TGSI_OPCODE_IMAX, dst, {src, src}));
         break;
      case Copied::By::move:
         emit(make(TGSI_OPCODE_MOV, dst, {src}));
         break;
      case Copied::By::move_xyz:
         src.Register.SwizzleW = TGSI_SWIZZLE_Z;
         emit(make(TGSI_OPCODE_MOV, temp_destination(c.temp, TGSI_WRITEMASK_XYZ), {src}));
         break;
      }
   }

   void instruction(Instruction &inst)
   {
      if (dialect_.fake_doubles && (writes_doubles(inst) || reads_doubles(inst, 0)))
         return;
      // The frontend's translator makes a boolean of the face, and takes 1.0 for one: as an integer, or
      // negated, that is wrong.
      if (opcode_of(inst) == TGSI_OPCODE_SGE && inst.Src[0].Register.File == TGSI_FILE_INPUT &&
          inst.Src[0].Register.Index == face_)
         inst.Instruction.Opcode = TGSI_OPCODE_FSGE;
      track_precision(inst);
      if (moves_coordinate(inst)) {
         emit(make(TGSI_OPCODE_MOV, temp_destination(scratch_, MASK_ALL), {inst.Src[0]}));
         inst.Src[0] = temp_source(scratch_);
      }
      for (unsigned i = 0; i < inst.Instruction.NumSrcRegs; i++) {
         rewrite_source(inst.Src[i]);
         if (reads_doubles(inst, i))
            move_double(inst, i);
      }
      if (opcode_of(inst) == TGSI_OPCODE_DNEG || opcode_of(inst) == TGSI_OPCODE_DFLR)
         replace_double_op(inst);
      if (const Source *operand = sample_operand(inst))
         convert_sample(inst.Src[operand - inst.Src]);
      finish(inst);
   }

   void convert_sample(Source &coord)
   {
      const unsigned w = coord.Register.SwizzleW;
      emit(make(TGSI_OPCODE_MOV, temp_destination(scratch_ + 1, TGSI_WRITEMASK_XYZ), {coord}));
      emit(make(TGSI_OPCODE_I2F, temp_destination(scratch_ + 1, TGSI_WRITEMASK_W),
                {swizzled(coord, w, w, w, w)}));
      coord = temp_source(scratch_ + 1);
   }

   // The frontend's translator moves results to outputs with plain moves, which lose the mark of
   // the instruction they come from; the host needs it there to declare the output precise.
   void track_precision(Instruction &inst)
   {
      if (!dialect_.precise) {
         inst.Instruction.Precise = 0;
         return;
      }
      for (unsigned i = 0; i < inst.Instruction.NumDstRegs; i++) {
         const auto &dst = inst.Dst[i].Register;
         if (dst.File == TGSI_FILE_TEMPORARY) {
            // Marks stay: a move on the other side of a branch must not take them back.
            if (inst.Instruction.Precise && unsigned(dst.Index) < precise_.size())
               precise_[unsigned(dst.Index)] |= uint8_t(dst.WriteMask);
         } else if (dst.File == TGSI_FILE_OUTPUT && opcode_of(inst) == TGSI_OPCODE_MOV &&
                    comes_from_precise(inst.Src[0], dst.WriteMask)) {
            inst.Instruction.Precise = 1;
         }
      }
   }

   bool comes_from_precise(const Source &src, unsigned mask) const
   {
      if (src.Register.File != TGSI_FILE_TEMPORARY ||
          unsigned(src.Register.Index) >= precise_.size())
         return false;
      const unsigned swizzle[4] = {src.Register.SwizzleX, src.Register.SwizzleY,
                                   src.Register.SwizzleZ, src.Register.SwizzleW};
      unsigned read = 0;
      for (unsigned c = 0; c < 4; c++) {
         if (mask & 1u << c)
            read |= 1u << swizzle[c];
      }
      return (precise_[unsigned(src.Register.Index)] & read) != 0;
   }

   void rewrite_source(Source &src)
   {
      if (src.Register.File == TGSI_FILE_CONSTANT && src.Register.Dimension &&
          !src.Dimension.Indirect && src.Dimension.Index == 0)
         src.Register.Dimension = 0;
      for (const Copied &c : copied_) {
         if (src.Register.File == c.file && src.Register.Index == c.index) {
            src.Register.File = TGSI_FILE_TEMPORARY;
            src.Register.Index = int(c.temp);
         }
      }
   }

   // Swizzles of double operands are applied twice: move the operand's two halves to where none is
   // needed. Operands are single doubles, in the first two places of the swizzle, whichever half of
   // the result they are for.
   void move_double(Instruction &inst, unsigned i)
   {
      const unsigned temp = scratch_ + i;
      emit(make(TGSI_OPCODE_MOV, temp_destination(temp, TGSI_WRITEMASK_XY), {inst.Src[i]}));
      inst.Src[i] = temp_source(temp);
   }

   // Older hosts have neither of these two. The operand is in the first scratch register already.
   void replace_double_op(Instruction &inst)
   {
      Source sign = temp_source(0);
      sign.Register.File = TGSI_FILE_IMMEDIATE;
      sign.Register.Index = sign_immediate_;
      if (opcode_of(inst) == TGSI_OPCODE_DFLR) {
         // x - fract(x), as x + -fract(x).
         emit(make(TGSI_OPCODE_DFRAC, temp_destination(scratch_ + 1, TGSI_WRITEMASK_XY),
                   {inst.Src[0]}));
         flip_sign(scratch_ + 1, sign);
         inst.Instruction.Opcode = TGSI_OPCODE_DADD;
         inst.Instruction.NumSrcRegs = 2;
         inst.Src[1] = temp_source(scratch_ + 1);
      } else {
         flip_sign(scratch_, sign);
         inst.Instruction.Opcode = TGSI_OPCODE_MOV;
         inst.Src[0] =
            swizzled(inst.Src[0], TGSI_SWIZZLE_X, TGSI_SWIZZLE_Y, TGSI_SWIZZLE_X, TGSI_SWIZZLE_Y);
      }
   }

   void flip_sign(unsigned temp, const Source &sign)
   {
      emit(make(TGSI_OPCODE_XOR, temp_destination(temp, TGSI_WRITEMASK_Y),
                {temp_source(temp), sign}));
   }

   // Writes the instruction, by way of temporaries where its results need them.
   void finish(Instruction &inst)
   {
      if (unsigned levels = levels_written(inst)) {
         Destination target = inst.Dst[0];
         inst.Dst[0] = temp_destination(scratch_, target.Register.WriteMask);
         emit(inst);
         for (; levels; levels &= levels - 1) {
            target.Register.WriteMask = levels & (~levels + 1);
            emit(make(TGSI_OPCODE_MOV, target, {temp_source(scratch_)}));
         }
         return;
      }
      if (detours(inst)) {
         const Destination target = inst.Dst[0];
         inst.Dst[0] = temp_destination(scratch_, target.Register.WriteMask);
         emit(inst);
         Instruction move = make(TGSI_OPCODE_MOV, target, {temp_source(scratch_)});
         move.Instruction.Precise = inst.Instruction.Precise;
         finish_whole(move);
         return;
      }
      finish_whole(inst);
   }

   void finish_whole(Instruction &inst)
   {
      std::vector<Instruction> moves;
      for (unsigned i = 0; i < inst.Instruction.NumDstRegs; i++) {
         Destination &dst = inst.Dst[i];
         if (dst.Register.File != TGSI_FILE_OUTPUT)
            continue;
         const Whole *w = whole(dst.Register.Index);
         if (!w || !w->partial)
            continue;
         Destination target = dst;
         target.Register.WriteMask = MASK_ALL;
         const int temp = int(w->temp) + dst.Register.Index - w->first;
         Source src = temp_source(unsigned(temp));
         // The same index into the range of temporaries as into that of outputs.
         src.Register.Indirect = dst.Register.Indirect;
         src.Indirect = dst.Indirect;
         dst.Register.File = TGSI_FILE_TEMPORARY;
         dst.Register.Index = temp;
         dst.Register.Dimension = 0;
         dst.Dimension = {};
         Instruction move = make(TGSI_OPCODE_MOV, target, {src});
         move.Instruction.Precise = inst.Instruction.Precise;
         moves.push_back(move);
      }
      emit(inst);
      for (const Instruction &move : moves)
         emit(move);
   }

   // Most operands an instruction has.
   static constexpr unsigned SCRATCH_COUNT = 4;

   Hooks hooks_;
   Dialect dialect_;
   const tgsi_token *in_;
   pipe_shader_type processor_ = PIPE_SHADER_VERTEX;
   unsigned temps_ = 0;
   unsigned outputs_ = 0;
   unsigned immediates_ = 0;
   bool uses_scratch_ = false;
   bool uses_sign_ = false;
   bool second_colour_ = false;
   int face_ = -1; // the input that tells front from back
   unsigned scratch_ = 0;
   int sign_immediate_ = 0;
   std::vector<std::pair<int, unsigned>> levels_; // outputs and their components
   std::vector<Copied> copied_;
   std::vector<Whole> whole_;
   std::vector<uint8_t> precise_; // by temporary: the components with a precise value
};

} // namespace

Tokens to_dialect(const tgsi_token *tokens, const Dialect &dialect)
{
   return Rewriter(tokens, dialect).run();
}

} // namespace virgl
