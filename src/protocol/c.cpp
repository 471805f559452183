#include "protocol/shader_chunks.hpp"
