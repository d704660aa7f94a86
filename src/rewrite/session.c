/* The Rewriter outside of the driver. */
#include "rewrite/rewriter_int.h"

static const RunOptions session_options = {.remarks = true, .max_growth = UINT64_MAX};

Rewriter *rw_open(Model *m) {
  Arena *arena = arena_child(m->arena);
  Rewriter *rw = NEW(arena, Rewriter);
  rewriter_init(rw, m, &session_options, arena);
  return rw;
}

void rw_close(Rewriter *rw) {
  rewriter_compact(rw);
  arena_free(rw->arena);
}

Outcome rw_convert(Rewriter *rw, Node *node, Outcome (*fn)(Rewriter *rw, Node *node), const char **text) {
  rewriter_begin(rw, 0, node);
  size_t before = rw->journal.edits.n;
  Outcome out = fn(rw, node);
  if (out == FIRED && rw->impossible) out = rw_missed(rw, node, "%s", rw->impossible);
  *text = rw->why;
  if (out != FIRED) return out;
  rewriter_drop_orphans(rw);
  *text = rw->journal.edits.n > before && rw->note ? rw->note : NULL;
  return FIRED;
}

void rw_commit(Rewriter *rw) {
  journal_commit(&rw->journal);
}

void rw_undo(Rewriter *rw) {
  journal_undo(&rw->journal);
}
