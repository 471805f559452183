// SPDX-License-Identifier: MIT
#include "protocol/printer.hpp"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "protocol/wire.hpp"

namespace virgl::proto {

namespace {

[[gnu::format(printf, 2, 3)]] void append(std::string &out, const char *format, ...)
{
   char buffer[128];
   va_list args;
   va_start(args, format);
   vsnprintf(buffer, sizeof(buffer), format, args);
   va_end(args);
   out += buffer;
}

/// Numbers that are not written as people write them are told by their bits.
void append_float(std::string &out, double value, uint64_t raw)
{
   if (std::isfinite(value))
      append(out, "%.9g", value);
   else
      append(out, "0x%" PRIx64, raw);
}

class Printer {
public:
   Printer(const Command &command, const PrintOptions &options)
      : command_(command), options_(options)
   {
   }

   std::string run()
   {
      if (options_.numbers)
         append(out_, "%6u ", command_.offset);

      const PacketDesc *desc = find_packet(command_.opcode, command_.object);
      if (!desc) {
         append(out_, "unknown command %u, object %u", uint32_t(command_.opcode),
                uint32_t(command_.object));
         raw("payload", 0);
         return std::move(out_);
      }
      desc = as_buffer_view(desc);
      out_ += desc->name;
      if (desc->header_object)
         append(out_, " %s", name_of(command_.object));
      if (const DecodeResult shape = check_shape(*desc, command_.payload); !shape) {
         append(out_, " (%s)", shape.reason);
         raw("payload", 0);
         return std::move(out_);
      }

      group(desc->fixed, 0, "");
      tail(*desc);
      return std::move(out_);
   }

private:
   const PacketDesc *as_buffer_view(const PacketDesc *desc) const
   {
      const PacketDesc *buffer = find_packet(command_.opcode, command_.object, true);
      if (buffer == desc || !options_.is_buffer)
         return desc;
      for (const FieldDesc &f : buffer->fixed.fields) {
         if (f.type == FieldType::resource && f.dword < command_.payload.size())
            return options_.is_buffer(ResourceHandle(command_.payload[f.dword])) ? buffer : desc;
      }
      return desc;
   }

   void separator() { out_ += options_.multi_line ? "\n           " : " "; }

   void group(const GroupDesc &desc, uint32_t at, const char *prefix)
   {
      for (const FieldDesc &f : desc.fields) {
         if (f.type == FieldType::count || f.type == FieldType::byte_count)
            continue;
         separator();
         out_ += prefix;
         out_ += f.name;
         out_ += '=';
         list(f, at);
      }
   }

   void list(const FieldDesc &f, uint32_t at)
   {
      const uint32_t step = f.type == FieldType::f64 || f.type == FieldType::u64 ? 2 : 1;
      if (f.count > 1)
         out_ += '[';
      for (uint32_t i = 0; i < f.count; i++) {
         if (i != 0)
            out_ += ", ";
         value(f, at + f.dword + i * step);
      }
      if (f.count > 1)
         out_ += ']';
   }

   void value(const FieldDesc &f, uint32_t at)
   {
      const uint32_t dword = command_.payload[at];
      const uint32_t v = bits(dword, f.shift, f.width);
      switch (f.type) {
      case FieldType::f32:
         append_float(out_, std::bit_cast<float>(dword), dword);
         break;
      case FieldType::f64: {
         const uint64_t raw = get64(&command_.payload[at]);
         append_float(out_, std::bit_cast<double>(raw), raw);
         break;
      }
      case FieldType::u64:
         append(out_, "0x%" PRIx64, get64(&command_.payload[at]));
         break;
      case FieldType::i32:
         append(out_, "%d", int32_t(v));
         break;
      case FieldType::boolean:
         append(out_, "%u", v);
         break;
      case FieldType::resource:
         append(out_, "res:%u", v);
         break;
      case FieldType::object:
         append(out_, "obj:%u", v);
         break;
      case FieldType::format:
         if (is_format(v))
            out_ += name_of(Format(v));
         else
            append(out_, "format:%u", v);
         break;
      case FieldType::enumeration:
         if (const char *name = f.values->find(v))
            out_ += name;
         else
            append(out_, "%u", v);
         break;
      case FieldType::flags:
         flags(*f.values, v);
         break;
      case FieldType::u32:
      case FieldType::count:
      case FieldType::byte_count:
         append(out_, v > 0xffffff ? "0x%x" : "%u", v);
         break;
      }
   }

   void flags(const ValueSet &set, uint32_t value)
   {
      if (value == 0)
         out_ += '0';
      const char *between = "";
      for (const NamedValue &v : set.values) {
         if (value & v.value) {
            out_ += between;
            out_ += v.name;
            between = "|";
            value &= ~v.value;
         }
      }
      if (value != 0)
         append(out_, "%s0x%x", between, value);
   }

   void elements(const GroupDesc &desc, const char *name, uint32_t at, uint32_t count)
   {
      separator();
      append(out_, "%s=[", name);
      const uint32_t shown = options_.max_elements ? std::min(count, options_.max_elements) : count;
      for (uint32_t i = 0; i < shown; i++) {
         if (i != 0)
            out_ += ", ";
         if (desc.fields.size() == 1 && desc.fields[0].name[0] == '\0') {
            value(desc.fields[0], at + i);
            continue;
         }
         out_ += '{';
         const char *between = "";
         for (const FieldDesc &f : desc.fields) {
            out_ += between;
            out_ += f.name;
            out_ += '=';
            list(f, at + i * desc.dwords);
            between = " ";
         }
         out_ += '}';
      }
      if (shown < count)
         append(out_, ", ... %u more", count - shown);
      out_ += ']';
   }

   void raw(const char *name, uint32_t at)
   {
      const uint32_t count = uint32_t(command_.payload.size()) - at;
      separator();
      append(out_, "%s=%u dwords", name, count);
      const uint32_t shown = options_.max_elements ? std::min(count, options_.max_elements) : count;
      const char *between = " [";
      for (uint32_t i = 0; i < shown; i++) {
         append(out_, "%s%08x", between, command_.payload[at + i]);
         between = " ";
      }
      if (shown != 0)
         out_ += shown < count ? " ...]" : "]";
   }

   void text(const char *name, uint32_t at, uint32_t size)
   {
      const char *data = reinterpret_cast<const char *>(command_.payload.data() + at);
      const uint32_t end = uint32_t(std::find(data, data + size, '\0') - data);
      const uint32_t shown = options_.max_text ? std::min(end, options_.max_text) : end;
      separator();
      append(out_, "%s=\"", name);
      for (uint32_t i = 0; i < shown; i++) {
         const char c = data[i];
         if (c == '\n' && options_.multi_line)
            out_ += "\n            ";
         else if (c == '\n')
            out_ += "\\n";
         else if (c == '"' || c == '\\')
            append(out_, "\\%c", c);
         else if (uint8_t(c) < 32 || uint8_t(c) > 126)
            append(out_, "\\x%02x", uint8_t(c));
         else
            out_ += c;
      }
      out_ += shown < end ? "...\"" : "\"";
   }

   void tail(const PacketDesc &desc)
   {
      const Shape shape = shape_of(desc, command_.payload);
      switch (desc.tail.kind) {
      case TailKind::none:
         break;
      case TailKind::parts: {
         uint32_t at = desc.fixed.dwords;
         for (uint32_t i = 0; i < shape.parts; i++) {
            group(*desc.parts[i], at, "");
            at += desc.parts[i]->dwords;
         }
         break;
      }
      case TailKind::span:
         elements(*desc.tail.element, desc.tail.name, shape.tail_at, shape.elements);
         break;
      case TailKind::text: {
         uint32_t size = shape.elements * 4;
         for (const FieldDesc &f : desc.fixed.fields) {
            if (f.type == FieldType::byte_count)
               size = command_.payload[f.dword];
         }
         text(desc.tail.name, shape.tail_at, size);
         break;
      }
      case TailKind::bytes:
      case TailKind::dwords:
         raw(desc.tail.name, shape.tail_at);
         break;
      case TailKind::padding:
         if (!command_.payload.empty())
            raw("padding", 0);
         break;
      case TailKind::shader:
         if (ShaderStage(command_.payload[1]) == ShaderStage::compute) {
            separator();
            append(out_, "local_memory=%u", command_.payload[desc.fixed.dwords]);
         } else if (shape.outputs != 0) {
            const uint32_t at = desc.fixed.dwords + 1;
            separator();
            append(out_, "stream_output_stride=[%u, %u, %u, %u]", command_.payload[at],
                   command_.payload[at + 1], command_.payload[at + 2], command_.payload[at + 3]);
            elements(*desc.tail.element, desc.tail.name, at + 4, shape.outputs);
         }
         text("text", shape.tail_at, shape.elements * 4);
         break;
      }
   }

   const Command &command_;
   const PrintOptions &options_;
   std::string out_;
};

} // namespace

std::string print(const Command &command, const PrintOptions &options)
{
   return Printer(command, options).run();
}

void print_stream(std::span<const uint32_t> stream, const PrintOptions &options,
                  const std::function<void(std::string_view)> &sink)
{
   CommandReader reader(stream);
   Command command;
   while (reader.next(command))
      sink(print(command, options));
   if (reader.truncated()) {
      std::string line;
      append(line, "%6u %s is cut off: %zu dwords of its payload are there", command.offset,
             name_of(command.opcode), command.payload.size());
      sink(line);
   }
}

std::string print_stream(std::span<const uint32_t> stream, const PrintOptions &options)
{
   std::string out;
   print_stream(stream, options, [&](std::string_view line) { (out += line) += '\n'; });
   return out;
}

} // namespace virgl::proto
