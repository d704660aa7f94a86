#include "eval/window.h"

bool frame_attr(const Node *n, const char *name, int count, int64_t low, int64_t preset, int64_t *out) {
  const int64_t *at = NULL;
  size_t found;
  if (node_attr(n, name)) NEEDS(attr_ints(n, name, &at, &found) && found == (size_t)count);
  for (int i = 0; i < count; i++) {
    out[i] = at ? at[i] : preset;
    NEEDS(out[i] >= low && out[i] < (int64_t)1 << 31);
  }
  return true;
}

/* ceil_mode: one window more where they do not come out even. One that begins behind the input is dropped
 * since opset 22; what was meant before is not clear. */
static bool ceil_more(const Node *n, const Frame *w, int i, int64_t room, int64_t *out) {
  if (room % w->stride[i] == 0) return true;
  if (*out * w->stride[i] >= w->in[i] + w->before[i]) return n->opset >= 22;
  ++*out;
  return true;
}

bool frame_init(const Node *n, Frame *w) {
  int64_t pads[2 * MAX_SPATIAL], ceil = 0;
  if (node_attr(n, "ceil_mode")) NEEDS(attr_int(n, "ceil_mode", &ceil));
  bool same_upper = attr_string_is(n, "auto_pad", "SAME_UPPER"),
       same_lower = attr_string_is(n, "auto_pad", "SAME_LOWER");
  bool valid = attr_string_is(n, "auto_pad", "VALID");
  NEEDS(same_upper || same_lower || valid || attr_string_is(n, "auto_pad", "NOTSET"));
  NEEDS(frame_attr(n, "strides", w->n, 1, 1, w->stride));
  NEEDS(frame_attr(n, "dilations", w->n, 1, 1, w->dilation));
  NEEDS(frame_attr(n, "pads", 2 * w->n, 0, 0, pads));
  for (int i = 0; i < w->n; i++) {
    NEEDS(w->kernel[i] >= 1 && w->kernel[i] < 1 << 20 && w->in[i] < (int64_t)1 << 31);
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1, before = pads[i], after = pads[w->n + i];
    if (same_upper || same_lower) {
      int64_t want = (w->in[i] + w->stride[i] - 1) / w->stride[i];
      int64_t total = (want - 1) * w->stride[i] + extent - w->in[i];
      if (total < 0) total = 0;
      before = same_upper ? total / 2 : total - total / 2;
      after = total - before;
    } else if (valid) {
      before = after = 0;
    }
    w->before[i] = before;
    NEEDS(w->in[i] + before + after >= extent);
    int64_t room = w->in[i] + before + after - extent;
    w->out[i] = room / w->stride[i] + 1;
    if (ceil) NEEDS(ceil_more(n, w, i, room, &w->out[i]));
  }
  return true;
}
