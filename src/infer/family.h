/* What the operator families of infer/ share: reading the facts of inputs, stating those of outputs.
 *
 * Rules for a family
 *  1. Whatever is not known stays as it is preset: TYPE_NOTHING, no value. A contradiction (an invalid model)
 * is treated as not known.
 *  2. A dim is stated only if it is right for every value of the symbols, 0 included, for which the operator
 * is defined. NULL stands for a dim that is not known and becomes a fresh symbol.
 *  3. Inputs may be missing and operators may have attributes of other versions: every accessor copes with
 * that.
 */
#ifndef INFER_FAMILY_H
#define INFER_FAMILY_H

#include "infer/facts.h"
#include "ops/ops.h"

/* --- inputs --------------------------------------------------------------------------------------------- */

bool has_in(const Infer *f, int i);
const Type *in_type(const Infer *f, int i); /* TYPE_NOTHING if there is no such input */
ElemType in_dtype(const Infer *f, int i);
Shape in_shape(const Infer *f, int i);
int since(const Infer *f); /* version of the definition in force */

/* Attribute or default. */
int64_t attr_int_or(const Infer *f, const char *name, int64_t other);

/* A small tensor with constant dims and its elements in row-major order, NULL where not known. Elements are
 * integers whatever the dtype: bools are 0 and 1; floats count in units of 1/FLOAT_UNIT (halves of dims occur
 * in shape arithmetic) and are stated only if the type holds them exactly, so that operations with an exact
 * result give it. 0 stands for -0.0 too. */
enum { SMALL_RANK = 8, SMALL_FLOATS = 16, FLOAT_UNIT = 16 };
typedef struct Small {
  ElemType dtype;
  int rank;
  int64_t dim[SMALL_RANK];
  size_t n;
  const Dim *at;
} Small;

/* Input i, if it is small: a bool, integer or (at most SMALL_FLOATS elements) float tensor. */
bool in_small(const Infer *f, int i, Small *s);
bool small_any(const Small *s); /* is any element known? */

/* The integers of a scalar or vector of a known number of elements. */
bool in_vector(const Infer *f, int i, const Dim **at, size_t *n);
/* The same if all are known numbers; at most `room`. */
bool known_ints(const Infer *f, int i, int64_t *out, size_t room, size_t *n);
/* The one element of input i (a float is cut to an integer); NULL if not known. */
Dim in_element(const Infer *f, int i);

/* --- outputs -------------------------------------------------------------------------------------------- */

void out_tensor(Infer *f, int o, ElemType t, Shape s);
/* From rank dims, which may be NULL (fresh) or provably negative (then the shape is not known). Keeps a copy.
 */
void out_dims(Infer *f, int o, ElemType t, int rank, const Dim *dim);
void out_scalar(Infer *f, int o, ElemType t);
void out_same(Infer *f, int o, int i); /* dtype and shape of input i */
/* Type and elements of a small result; elements that don't fit s->dtype are dropped. Keeps s->at. */
void out_small(Infer *f, int o, const Small *s);
/* Only the elements, where the type has been stated. */
void out_elements(Infer *f, int o, const Small *s);

/* --- dims and axes -------------------------------------------------------------------------------------- */

Dim num(const Infer *f, int64_t v);
Dim *dims_new(const Infer *f, size_t n); /* NULLs */
/* dims_new filled from s; with room for `extra` more. */
Dim *dims_of(const Infer *f, Shape s, int extra);
bool axis_in(int64_t axis, int rank, int *out); /* negative axes count from the end */
/* Marks the axes in mask[rank]; false if one is out of range or listed twice. */
bool axes_in(const int64_t *axes, size_t n, int rank, bool *mask);
/* Axes from input `i` or attribute "axes": 1 known, 0 not given, -1 not known. At most MAX_RANK. */
int axes_given(const Infer *f, int i, int64_t *axes, size_t *n);
/* Is d surely an element of this type, exactly? */
bool elem_holds(ElemType t, Dim d);
/* One dim known from two sides that must agree: the better known of the two. */
Dim dim_meet(Dim a, Dim b);

/* Broadcast of the shapes of inputs first..last. */
Shape in_broadcast(const Infer *f, int first, int last);
/* Small inputs broadcast elementwise: index of the element of s that result element k (of dims dim[rank])
 * reads. */
size_t small_index(const Small *s, int rank, const int64_t *dim, size_t k);

/* The type without shapes. */
Type type_unshaped(const Infer *f, const Type *t);
/* What a constant tensor says: its type, its elements (NULL if there are too many or none is an integer). */
Type tensor_type(Model *m, const Tensor *t);
const Partial *tensor_value(Model *m, const Tensor *t);

/* --- the families --------------------------------------------------------------------------------------- */

#define INFER(id, fn) InferFn fn;
#include "infer/infer.def"
#undef INFER

#endif
