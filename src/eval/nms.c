/* NonMaxSuppression: by class, the boxes of highest score that do not overlap one chosen before. */
#include "eval/window.h"

typedef struct Nms {
  const double *boxes, *scores; /* [batch, n, 4], [batch, classes, n] */
  int64_t batches, classes, n, most;
  double overlap, least; /* least: -infinity without a threshold */
  bool centred;
} Nms;

/* Runtimes compute in float: a number so near its threshold is on either side of it. */
static bool is_clear(double x, double threshold) {
  return fabs(x - threshold) > 1e-6 * fmax(1, fabs(threshold));
}

static void box_edges(const Nms *m, const double *box, int axis, double *low, double *high) {
  if (m->centred) { /* x, y, width, height */
    *low = box[axis] - box[2 + axis] / 2;
    *high = box[axis] + box[2 + axis] / 2;
  } else { /* two corners y, x */
    *low = fmin(box[axis], box[2 + axis]);
    *high = fmax(box[axis], box[2 + axis]);
  }
}

/* Intersection over union. */
static double overlap(const Nms *m, const double *a, const double *b) {
  double common = 1, area_a = 1, area_b = 1;
  for (int axis = 0; axis < 2; axis++) {
    double al, ah, bl, bh;
    box_edges(m, a, axis, &al, &ah);
    box_edges(m, b, axis, &bl, &bh);
    double both = fmin(ah, bh) - fmax(al, bl);
    common *= both > 0 ? both : 0;
    area_a *= ah - al;
    area_b *= bh - bl;
  }
  return common <= 0 || area_a <= 0 || area_b <= 0 ? 0 : common / (area_a + area_b - common);
}

static bool nms_init(Eval *e, Nms *m) {
  const Tensor *boxes = in_tensor(e, 0), *scores = in_tensor(e, 1);
  int64_t centred;
  NEEDS(boxes && scores && boxes->dtype == DT_FLOAT && scores->dtype == DT_FLOAT && boxes->rank == 3 &&
        scores->rank == 3);
  NEEDS(boxes->dim[0] == scores->dim[0] && boxes->dim[1] == scores->dim[2] && boxes->dim[2] == 4);
  NEEDS(attr_int(e->node, "center_point_box", &centred) && (centred == 0 || centred == 1));
  *m = (Nms){.batches = boxes->dim[0],
             .classes = scores->dim[1],
             .n = boxes->dim[1],
             .least = -INFINITY,
             .centred = centred != 0};
  if (in_tensor(e, 2)) NEEDS(in_int(e, 2, &m->most));
  if (in_tensor(e, 3)) NEEDS(in_number(e, 3, &m->overlap) && m->overlap >= 0 && m->overlap <= 1);
  if (in_tensor(e, 4)) NEEDS(in_number(e, 4, &m->least));
  int64_t work;
  NEEDS(!__builtin_mul_overflow(m->batches * m->classes, m->n * m->n, &work) && work <= MAX_WORK);
  m->boxes = in_doubles(e, 0), m->scores = in_doubles(e, 1);
  return m->boxes && m->scores;
}

/* The boxes of one class, best first, appended to `chosen` as (batch, class, box). `open` has n bytes. */
static bool choose(const Nms *m, int64_t batch, int64_t class, uint8_t *open, int64_t *chosen,
                   int64_t *count) {
  const double *score = m->scores + (batch * m->classes + class) * m->n, *box = m->boxes + batch * m->n * 4;
  int64_t first = *count;
  for (int64_t i = 0; i < m->n; i++) {
    NEEDS(!isnan(score[i]));
    open[i] = score[i] > m->least;
  }
  for (;;) {
    int64_t best = -1;
    for (int64_t i = 0; i < m->n; i++)
      if (open[i] && (best < 0 || score[i] > score[best])) best = i;
    if (best < 0 || *count - first >= m->most) return true;
    open[best] = 0;
    bool keep = true;
    for (int64_t k = first; k < *count && keep; k++) {
      double shared = overlap(m, box + best * 4, box + chosen[k * 3 + 2] * 4);
      NEEDS(is_clear(shared, m->overlap) || shared == 0);
      keep = !(shared > m->overlap);
    }
    if (!keep) continue;
    int64_t *to = chosen + (*count)++ * 3;
    to[0] = batch, to[1] = class, to[2] = best;
  }
}

bool eval_nms(Eval *e) {
  Nms m;
  NEEDS(nms_init(e, &m));
  int64_t all = m.batches * m.classes * m.n, count = 0;
  NEEDS(affordable(e, (uint64_t)all * 3));
  int64_t *chosen = blob_new(e->scratch, ((size_t)all * 3 + 1) * sizeof *chosen);
  uint8_t *open = blob_new(e->scratch, (size_t)m.n + 1);
  for (int64_t b = 0; b < m.batches && m.most > 0; b++)
    for (int64_t c = 0; c < m.classes; c++) NEEDS(choose(&m, b, c, open, chosen, &count));
  int64_t dim[2] = {count, 3}, *out = out_new(e, 0, DT_INT64, 2, dim);
  NEEDS(out);
  memcpy(out, chosen, (size_t)count * 3 * sizeof *out);
  return true;
}
