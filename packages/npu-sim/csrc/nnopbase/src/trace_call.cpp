#include "trace_call.h"

#include <bit>
#include <string>

#include "living.h"
#include "npu_sim/json.h"
#include "npu_sim/nnop/objects.h"
#include "npu_sim/stream.h"
#include "npu_sim/trace.h"

namespace npu_sim::nnop {
namespace {

template <class Range, class Write>
std::string list(const Range& values, Write write) {
  std::string s = "[";
  for (const auto& v : values) s += (s.size() > 1 ? "," : "") + write(v);
  return s + "]";
}

std::string dims(const Dims& d) {
  std::string s = "[";
  for (uint32_t i = 0; i < d.n; ++i) s += (i ? "," : "") + std::to_string(d.v[i]);
  return s + "]";
}

std::string tensor(const aclTensor* t) {
  if (!living(t)) return t ? "\"not a tensor\"" : "null";
  return Json()
      .raw("shape", dims(t->sizes))
      .raw("strides", dims(t->strides))
      .add("dtype", dtype_name(t->dtype))
      .add("format", int64_t{t->format})
      .text();
}

template <class T>
std::string number(const unsigned char* bytes) {
  T v;
  std::memcpy(&v, bytes, sizeof v);
  if constexpr (std::is_floating_point_v<T>) {
    const std::string object =
        Json().add("v", static_cast<double>(v)).text();  // writes nan and inf as JSON can
    return object.substr(5, object.size() - 6);
  } else {
    return std::to_string(v);
  }
}

std::string scalar(const aclScalar* s) {
  if (!living(s)) return s ? "\"not a scalar\"" : "null";
  std::string value;
  switch (s->dtype) {
    case ACL_FLOAT:
      value = number<float>(s->value);
      break;
    case ACL_DOUBLE:
      value = number<double>(s->value);
      break;
    case ACL_INT64:
      value = number<int64_t>(s->value);
      break;
    case ACL_INT32:
      value = number<int32_t>(s->value);
      break;
    case ACL_BOOL:
      value = s->value[0] ? "true" : "false";
      break;
    default: {
      static constexpr char kHex[] = "0123456789abcdef";
      const size_t n = dtype_bits(s->dtype) / 8;
      for (size_t i = 0; i < n; ++i) value += {kHex[s->value[i] >> 4], kHex[s->value[i] & 15]};
      value = "\"" + value + "\"";
    }
  }
  return Json().add("dtype", dtype_name(s->dtype)).raw("value", value).text();
}

std::string argument(const Param& p, uint64_t word) {
  if (p.kind < Kind::dtype && !word) return "null";
  switch (p.kind) {
    case Kind::tensor:
      return tensor(reinterpret_cast<const aclTensor*>(word));
    case Kind::tensors: {
      auto* l = reinterpret_cast<const aclTensorList*>(word);
      return living(l) ? list(l->v, tensor) : "\"not a tensor list\"";
    }
    case Kind::scalar:
      return scalar(reinterpret_cast<const aclScalar*>(word));
    case Kind::scalars: {
      auto* l = reinterpret_cast<const aclScalarList*>(word);
      return living(l) ? list(l->v, scalar) : "\"not a scalar list\"";
    }
    case Kind::ints: {
      auto* l = reinterpret_cast<const aclIntArray*>(word);
      return living(l) ? list(l->v, [](int64_t v) { return std::to_string(v); }) : "\"not an int array\"";
    }
    case Kind::floats: {
      auto* l = reinterpret_cast<const aclFloatArray*>(word);
      return living(l)
                 ? list(l->v,
                        [](float v) { return number<float>(reinterpret_cast<const unsigned char*>(&v)); })
                 : "\"not a float array\"";
    }
    case Kind::bools: {
      auto* l = reinterpret_cast<const aclBoolArray*>(word);
      return living(l) ? list(l->v, [](unsigned char v) { return std::string(v ? "true" : "false"); })
                       : "\"not a bool array\"";
    }
    case Kind::string:
      return json_text(reinterpret_cast<const char*>(word));
    case Kind::dtype:
      return json_text(dtype_name(static_cast<aclDataType>(word)));
    case Kind::boolean:
      return word ? "true" : "false";
    case Kind::float64:
    case Kind::float32: {
      const auto v = std::bit_cast<double>(word);
      return number<double>(reinterpret_cast<const unsigned char*>(&v));
    }
    default:
      return std::to_string(static_cast<int64_t>(word));
  }
}

void line(const Json& json) {
  std::string text = json.text();
  text.pop_back();
  trace(text);
}

}  // namespace

void trace_prepare(const Operator& op, const uint64_t* words, uint64_t workspace, aclnnStatus answer) {
  Json arguments;
  for (uint32_t i = 0; i < op.count; ++i) arguments.raw(op.params[i].name, argument(op.params[i], words[i]));
  line(Json()
           .add("call", op.name)
           .add("phase", int64_t{1})
           .raw("arguments", arguments.text())
           .add("workspace", workspace)
           .add("answer", int64_t{answer}));
}

void trace_launch(const Operator& op, aclrtStream handle, aclnnStatus answer) {
  line(Json()
           .add("call", op.name)
           .add("phase", int64_t{2})
           .add("default_stream", handle == nullptr)
           .add("answer", int64_t{answer}));
}

}  // namespace npu_sim::nnop
