/* Option "history": both graphs and every step between them, as JSON for onnxslim_report_json(). */
#ifndef HISTORY_H
#define HISTORY_H

#include "json.h"
#include "rewrite/driver.h"

typedef struct RunHistory {
  Arena *arena;
  History steps;
  const char *before, *after; /* graphs as JSON */
  const char *rewrites, *passing, *refused;
  const RunResult *run; /* to be set before history_end() */
} RunHistory;

/* In an object's arena; takes a picture of the model. Facts that it needs are forgotten again, so that the
 * rules find the model as they would without it. */
RunHistory *history_begin(Arena *a, Model *m);
/* When everything is done, while the model is still there. */
void history_end(RunHistory *h, Model *m);

/* A graph with its bodies and functions: {"graphs": [...], "values": [...], "constants": [...], "nodes":
 * [...]} without any weights. */
void put_model(Json *j, Model *m);

#endif
