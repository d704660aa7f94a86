/* Reports of runs and experiments as JSON; those about models are in json_models.c. */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- values
 * ---------------------------------------------------------------------------------------------------- */

void put_raw(Json *j, const char *text) {
  for (; *text; text++) vec_push(j->arena, &j->out, *text);
}

/* Length of the UTF-8 sequence at p, of n bytes at most; 0 if it is none. */
static size_t utf8_length(const uint8_t *p, size_t n) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t len = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
  if (len <= 1) return len;
  if (len > n) return 0;
  uint32_t c = *p & (0x7Fu >> len);
  for (size_t i = 1; i < len; i++) {
    if (p[i] >> 6 != 2) return 0;
    c = c << 6 | (p[i] & 0x3Fu);
  }
  return c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : len;
}

void put_string(Json *j, Span s) {
  put_raw(j, "\"");
  for (size_t i = 0; i < s.n;) {
    const uint8_t *p = s.p + i;
    size_t n = utf8_length(p, s.n - i);
    char some[8] = {0};
    if (!n)
      snprintf(some, sizeof some, "\\ufffd");
    else if (*p < ' ' || *p == 0x7F || *p == '<')
      snprintf(some, sizeof some, "\\u%04x", *p);
    else if (*p == '"' || *p == '\\')
      snprintf(some, sizeof some, "\\%c", *p);
    else
      memcpy(some, p, n);
    put_raw(j, some);
    i += n ? n : 1;
  }
  put_raw(j, "\"");
}

void put_text(Json *j, const char *text) {
  if (text)
    put_string(j, (Span){(const uint8_t *)text, strlen(text)});
  else
    put_raw(j, "null");
}

void put_number(Json *j, int64_t v) {
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, v);
  put_raw(j, text);
}

void put_field(Json *j, const Field *f, const void *object) {
  const char *at = (const char *)object + f->at;
  char text[64];
  switch (f->kind) {
  case TEXT: put_text(j, *(const char *const *)(const void *)at); return;
  case FLAG: put_raw(j, *(const int *)(const void *)at ? "true" : "false"); return;
  case INT: snprintf(text, sizeof text, "%d", *(const int *)(const void *)at); break;
  case INT64: snprintf(text, sizeof text, "%" PRId64, *(const int64_t *)(const void *)at); break;
  case UINT64: snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)(const void *)at); break;
  case SIZE: snprintf(text, sizeof text, "%zu", *(const size_t *)(const void *)at); break;
  case REAL: {
    double v = *(const double *)(const void *)at;
    snprintf(text, sizeof text, isfinite(v) ? "%.9g" : "null", v);
    break;
  }
  }
  put_raw(j, text);
}

/* --- structure
 * --------------------------------------------------------------------------------------------------- */

static void put_line(Json *j) {
  put_raw(j, "\n");
  for (int i = 0; i < j->depth; i++) put_raw(j, " ");
}

void put_key(Json *j, const char *key) {
  if (j->filled) put_raw(j, ",");
  put_line(j);
  j->filled = true;
  if (!key) return;
  put_text(j, key);
  put_raw(j, ": ");
}

void open_group(Json *j, const char *key, const char *bracket) {
  if (j->depth) put_key(j, key);
  put_raw(j, bracket);
  j->depth++;
  j->filled = false;
}

void close_group(Json *j, const char *bracket) {
  j->depth--;
  if (j->filled) put_line(j);
  put_raw(j, bracket);
  j->filled = true;
}

void put_fields(Json *j, const Field *f, size_t n, const void *object) {
  for (size_t i = 0; i < n; i++) {
    put_key(j, f[i].key);
    put_field(j, &f[i], object);
  }
}

static void open_row(Json *j, const Field *f, size_t n, const void *object) {
  put_raw(j, "{");
  for (size_t i = 0; i < n; i++) {
    if (i) put_raw(j, ", ");
    put_text(j, f[i].key);
    put_raw(j, ": ");
    put_field(j, &f[i], object);
  }
}

static void close_row(Json *j) {
  put_raw(j, "}");
}

void put_row(Json *j, const Field *f, size_t n, const void *object) {
  open_row(j, f, n, object);
  close_row(j);
}

void put_row_with(Json *j, const Field *f, size_t n, const void *object, const Texts *lists, size_t n_lists) {
  open_row(j, f, n, object);
  for (size_t i = 0; i < n_lists; i++) {
    put_raw(j, ", ");
    put_text(j, lists[i].key);
    put_raw(j, ": [");
    for (size_t k = 0; k < lists[i].n; k++) {
      if (k) put_raw(j, ", ");
      put_text(j, lists[i].at[k]);
    }
    put_raw(j, "]");
  }
  close_row(j);
}

void put_rows(Json *j, const char *key, const Field *f, size_t n_fields, const void *rows, size_t n,
              size_t size) {
  open_group(j, key, "[");
  for (size_t i = 0; i < n; i++) {
    put_key(j, NULL);
    put_row(j, f, n_fields, (const char *)rows + i * size);
  }
  close_group(j, "]");
}

void put_column(Json *j, const char *key, const Field *f, const void *rows, size_t n, size_t size) {
  open_group(j, key, "[");
  for (size_t i = 0; i < n; i++) {
    put_key(j, NULL);
    put_field(j, f, (const char *)rows + i * size);
  }
  close_group(j, "]");
}

void put_object(Json *j, const char *key, void (*fn)(Json *, const void *), const void *object) {
  open_group(j, key, "{");
  fn(j, object);
  close_group(j, "}");
}

/* --- the structs
 * -------------------------------------------------------------------------------------------------- */

typedef onnxslim_pass_stat PassStat;
static const Field pass_fields[] = {FIELD(PassStat, name, TEXT),    FIELD(PassStat, tried, UINT64),
                                    FIELD(PassStat, fired, UINT64), FIELD(PassStat, missed, UINT64),
                                    FIELD(PassStat, nodes, INT64),  FIELD(PassStat, bytes, INT64),
                                    FIELD(PassStat, seconds, REAL)};

typedef onnxslim_rule_stat RuleStat;
static const Field rule_fields[] = {FIELD(RuleStat, pass, TEXT),     FIELD(RuleStat, rule, TEXT),
                                    FIELD(RuleStat, tried, UINT64),  FIELD(RuleStat, fired, UINT64),
                                    FIELD(RuleStat, missed, UINT64), FIELD(RuleStat, nodes, INT64),
                                    FIELD(RuleStat, bytes, INT64),   FIELD(RuleStat, seconds, REAL)};

typedef onnxslim_remark Remark;
static const Field remark_fields[] = {FIELD(Remark, fired, FLAG), FIELD(Remark, pass, TEXT),
                                      FIELD(Remark, rule, TEXT), FIELD(Remark, node, TEXT),
                                      FIELD(Remark, text, TEXT)};

typedef onnxslim_difference Difference;
static const Field difference_fields[] = {
    FIELD(Difference, output, TEXT),    FIELD(Difference, level, TEXT),
    FIELD(Difference, seed, UINT64),    FIELD(Difference, ok, FLAG),
    FIELD(Difference, bitwise, FLAG),   FIELD(Difference, max_diff, REAL),
    FIELD(Difference, max_ulp, REAL),   FIELD(Difference, max_rel_diff, REAL),
    FIELD(Difference, tolerance, REAL), FIELD(Difference, largest, REAL),
    FIELD(Difference, self_diff, REAL)};

typedef onnxslim_verification Verification;
static const Field verification_fields[] = {
    FIELD(Verification, passed, FLAG),       FIELD(Verification, bitwise, FLAG),
    FIELD(Verification, seeds, UINT64),      FIELD(Verification, max_diff, REAL),
    FIELD(Verification, max_rel_diff, REAL), FIELD(Verification, max_ulp, REAL),
    FIELD(Verification, largest, REAL),      FIELD(Verification, self_diff, REAL),
    FIELD(Verification, failure, TEXT),      FIELD(Verification, runtime, TEXT),
    FIELD(Verification, runtime_path, TEXT)};

typedef onnxslim_frozen_axis FrozenAxis;
static const Field frozen_fields[] = {FIELD(FrozenAxis, value, TEXT), FIELD(FrozenAxis, is_input, FLAG),
                                      FIELD(FrozenAxis, axis, INT), FIELD(FrozenAxis, dim, TEXT),
                                      FIELD(FrozenAxis, size, INT64)};

typedef onnxslim_finding Finding;
static const Field finding_fields[] = {FIELD(Finding, verdict, TEXT), FIELD(Finding, where, TEXT),
                                       FIELD(Finding, reason, TEXT)};

typedef onnxslim_fused_pair FusedPair;
static const Field pair_fields[] = {FIELD(FusedPair, conv, TEXT), FIELD(FusedPair, activation, TEXT),
                                    FIELD(FusedPair, becomes, TEXT)};

typedef onnxslim_target_check TargetCheck;
static const Field check_fields[] = {FIELD(TargetCheck, target, TEXT), FIELD(TargetCheck, through, TEXT),
                                     FIELD(TargetCheck, refused, UINT64), FIELD(TargetCheck, risky, UINT64),
                                     FIELD(TargetCheck, untried, UINT64)};

typedef onnxslim_report Report;
static const Field report_fields[] = {FIELD(Report, input, TEXT), FIELD(Report, output, TEXT),
                                      FIELD(Report, rewrites, UINT64)};
static const Field report_nodes[] = {{"before", UINT64, offsetof(Report, nodes_before)},
                                     {"after", UINT64, offsetof(Report, nodes_after)}};
static const Field report_bytes[] = {{"before", UINT64, offsetof(Report, bytes_before)},
                                     {"after", UINT64, offsetof(Report, bytes_after)}};
static const Field report_seconds[] = {{"read", REAL, offsetof(Report, seconds_read)},
                                       {"optimize", REAL, offsetof(Report, seconds_optimize)},
                                       {"write", REAL, offsetof(Report, seconds_write)},
                                       {"verify", REAL, offsetof(Report, seconds_verify)}};

static const Field report_opset[] = {{"before", INT64, offsetof(Report, opset_before)},
                                     {"after", INT64, offsetof(Report, opset_after)},
                                     {"reason", TEXT, offsetof(Report, opset_reason)}};

typedef onnxslim_pass_info_t PassInfo;
static const Field pass_info_fields[] = {FIELD(PassInfo, name, TEXT), FIELD(PassInfo, doc, TEXT),
                                         FIELD(PassInfo, bitwise, FLAG), FIELD(PassInfo, by_default, FLAG)};

typedef onnxslim_rule_info_t RuleInfo;
static const Field rule_info_fields[] = {FIELD(RuleInfo, name, TEXT), FIELD(RuleInfo, doc, TEXT),
                                         FIELD(RuleInfo, match, TEXT), FIELD(RuleInfo, replace, TEXT),
                                         FIELD(RuleInfo, bitwise, FLAG)};

typedef onnxslim_node_row NodeRow;
static const Field node_fields[] = {FIELD(NodeRow, node, UINT64), FIELD(NodeRow, name, TEXT),
                                    FIELD(NodeRow, domain, TEXT), FIELD(NodeRow, op_type, TEXT),
                                    FIELD(NodeRow, output, TEXT), FIELD(NodeRow, type, TEXT)};

typedef onnxslim_timing Timing;
static const Field timing_fields[] = {FIELD(Timing, median, REAL), FIELD(Timing, low_quartile, REAL),
                                      FIELD(Timing, high_quartile, REAL), FIELD(Timing, fastest, REAL),
                                      FIELD(Timing, open_seconds, REAL)};
static const Field run_fields[] = {{"seconds", REAL, 0}};

typedef onnxslim_comparison Comparison;
static const Field comparison_fields[] = {
    FIELD(Comparison, speedup, REAL),      FIELD(Comparison, speedup_low, REAL),
    FIELD(Comparison, speedup_high, REAL), FIELD(Comparison, inputs, TEXT),
    FIELD(Comparison, threads, INT),       FIELD(Comparison, runtime, TEXT),
    FIELD(Comparison, runtime_path, TEXT)};

typedef onnxslim_attribution_t Attribution;
static const Field attribution_fields[] = {FIELD(Attribution, nodes, UINT64),
                                           FIELD(Attribution, bytes, UINT64)};

typedef onnxslim_attribution_row AttributionRow;
static const Field attribution_row_fields[] = {
    FIELD(AttributionRow, pass, TEXT),          FIELD(AttributionRow, flags, TEXT),
    FIELD(AttributionRow, pairs, UINT64),       FIELD(AttributionRow, nodes, INT64),
    FIELD(AttributionRow, bytes, INT64),        FIELD(AttributionRow, nodes_after, UINT64),
    FIELD(AttributionRow, bytes_after, UINT64), FIELD(AttributionRow, rewrites, UINT64),
    FIELD(AttributionRow, seconds, REAL)};

typedef onnxslim_suspect Suspect;
static const Field suspect_fields[] = {
    FIELD(Suspect, rewrites, UINT64), FIELD(Suspect, number, UINT64),
    FIELD(Suspect, pass, TEXT),       FIELD(Suspect, rule, TEXT),
    FIELD(Suspect, node, TEXT),       FIELD(Suspect, text, TEXT),
    FIELD(Suspect, failure, TEXT),    FIELD(Suspect, checks, UINT64),
    FIELD(Suspect, reproducer, TEXT), FIELD(Suspect, reproducer_nodes, UINT64)};

static void put_group(Json *j, const char *key, const Field *f, size_t n, const void *object) {
  put_key(j, key);
  put_row(j, f, n, object);
}

static void put_verification(Json *j, const void *object) {
  const Verification *v = object;
  PUT_FIELDS(j, verification_fields, v);
  PUT_ROWS(j, "rows", difference_fields, v->rows, v->n_rows);
}

static void put_check(Json *j, const void *object) {
  const TargetCheck *c = object;
  PUT_FIELDS(j, check_fields, c);
  PUT_ROWS(j, "findings", finding_fields, c->findings, c->n_findings);
  PUT_ROWS(j, "pairs", pair_fields, c->pairs, c->n_pairs);
}

static void put_remarks(Json *j, const Remark *remarks, size_t n) {
  open_group(j, "remarks", "[");
  for (size_t i = 0; i < n; i++) {
    const Remark *r = &remarks[i];
    const Texts lists[] = {{"removed", r->removed, r->n_removed}, {"made", r->made, r->n_made}};
    put_key(j, NULL);
    put_row_with(j, remark_fields, COUNT(remark_fields), r, lists, r->fired ? COUNT(lists) : 0);
  }
  close_group(j, "]");
}

/* The rules of a pass stand together: *rule is the first of the pass, and then of the next one. */
static void put_pass(Json *j, const PassInfo *pass, size_t *rule) {
  RuleInfo info;
  open_group(j, NULL, "{");
  PUT_FIELDS(j, pass_info_fields, pass);
  open_group(j, "rules", "[");
  for (; onnxslim_rule_info(*rule, &info) && strcmp(info.pass, pass->name) == 0; ++*rule) {
    put_key(j, NULL);
    put_row(j, rule_info_fields, COUNT(rule_info_fields), &info);
  }
  close_group(j, "]");
  close_group(j, "}");
}

static void put_known(Json *j, const char *key) {
  PassInfo pass;
  open_group(j, key, "[");
  for (size_t i = 0, rule = 0; onnxslim_pass_info(i, &pass); i++) put_pass(j, &pass, &rule);
  close_group(j, "]");
}

static void put_passes(Json *j, const void *unused) {
  (void)unused;
  put_known(j, "passes");
}

static void put_report(Json *j, const void *object) {
  const Report *r = object;
  PUT_FIELDS(j, report_fields, r);
  put_group(j, "nodes", report_nodes, COUNT(report_nodes), r);
  put_group(j, "bytes", report_bytes, COUNT(report_bytes), r);
  put_group(j, "seconds", report_seconds, COUNT(report_seconds), r);
  PUT_ROWS(j, "frozen", frozen_fields, r->frozen, r->n_frozen);
  if (r->opset_before) put_group(j, "opset", report_opset, COUNT(report_opset), r);
  put_ops(j, r->ops, r->n_ops);
  PUT_ROWS(j, "passes", pass_fields, r->passes, r->n_passes);
  PUT_ROWS(j, "rules", rule_fields, r->rules, r->n_rules);
  put_remarks(j, r->remarks, r->n_remarks);
  if (r->target) put_object(j, "target", put_check, r->target);
  if (r->verification) put_object(j, "verification", put_verification, r->verification);
  if (put_history(j, r)) put_known(j, "known");
}

static void put_nodes(Json *j, const void *object) {
  const onnxslim_node_list *list = object;
  PUT_ROWS(j, "rows", node_fields, list->rows, list->n_rows);
}

static void put_timing(Json *j, const void *object) {
  const Timing *t = object;
  PUT_FIELDS(j, timing_fields, t);
  put_column(j, "runs", run_fields, t->runs, t->n_runs, sizeof *t->runs);
}

static void put_comparison(Json *j, const void *object) {
  const Comparison *c = object;
  PUT_FIELDS(j, comparison_fields, c);
  put_object(j, "before", put_timing, &c->before);
  put_object(j, "after", put_timing, &c->after);
}

static void put_attribution(Json *j, const void *object) {
  const Attribution *t = object;
  PUT_FIELDS(j, attribution_fields, t);
  PUT_ROWS(j, "rows", attribution_row_fields, t->rows, t->n_rows);
}

static void put_suspect(Json *j, const void *object) {
  PUT_FIELDS(j, suspect_fields, object);
}

/* --- the public functions
 * ------------------------------------------------------------------------------------------ */

typedef struct JsonCall {
  Ctx *cx;
  void (*put)(Json *, const void *);
  const void *object;
  char *text;
} JsonCall;

static void call_json(void *arg) {
  JsonCall *c = arg;
  Json j = {.arena = arena_new(c->cx)};
  open_group(&j, NULL, "{");
  put_key(&j, "version");
  put_text(&j, ONNXSLIM_VERSION);
  c->put(&j, c->object);
  close_group(&j, "}");
  put_raw(&j, "\n");
  c->text = mem_alloc(c->cx, j.out.n + 1);
  memcpy(c->text, j.out.at, j.out.n);
  arena_free(j.arena);
}

static char *text_of(Ctx *cx, void (*fn)(Json *, const void *), const void *object) {
  JsonCall c = {cx, fn, object, NULL};
  ctx_protect(c.cx, call_json, &c);
  return c.text;
}

char *json_text(const void *object, void (*fn)(Json *, const void *)) {
  return text_of(arena_ctx(object_arena(object)), fn, object);
}

char *onnxslim_passes_json(onnxslim_context *cx) {
  return text_of(&cx->cx, put_passes, NULL);
}

char *onnxslim_report_json(const onnxslim_report *report) {
  return json_text(report, put_report);
}
char *onnxslim_node_list_json(const onnxslim_node_list *list) {
  return json_text(list, put_nodes);
}
char *onnxslim_target_check_json(const onnxslim_target_check *result) {
  return json_text(result, put_check);
}
char *onnxslim_verification_json(const onnxslim_verification *result) {
  return json_text(result, put_verification);
}
char *onnxslim_comparison_json(const onnxslim_comparison *result) {
  return json_text(result, put_comparison);
}
char *onnxslim_attribution_json(const onnxslim_attribution_t *result) {
  return json_text(result, put_attribution);
}
char *onnxslim_suspect_json(const onnxslim_suspect *result) {
  return json_text(result, put_suspect);
}
