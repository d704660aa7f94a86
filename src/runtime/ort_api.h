/* The part of ONNX Runtime's C API that we call. The API is a table of function pointers whose entries are
 * only ever appended (onnxruntime_c_api.h of the ONNX Runtime project), so an entry is known by its number;
 * those in between are holes here. Names are ONNX Runtime's. A function that returns an OrtStatus returns
 * NULL on success. */
#ifndef RUNTIME_ORT_API_H
#define RUNTIME_ORT_API_H

#include "base/dynlib.h"

typedef struct OrtEnv OrtEnv;
typedef struct OrtStatus OrtStatus;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorShape;

enum { ORT_API_VERSION = 17 }; /* of ONNX Runtime 1.17, in January 2024 */
enum { ORT_LOG_FATAL = 4 };    /* OrtLoggingLevel */
enum { ORT_TYPE_TENSOR = 1, ORT_TYPE_SEQUENCE = 2, ORT_TYPE_MAP = 3 }; /* ONNXType */
enum { ORT_ALLOCATOR_DEVICE = 0, ORT_MEM_DEFAULT = 0 };                /* OrtAllocatorType, OrtMemType */

typedef struct OrtApi {
  AnyFn *hole_0[2];
  const char *(*GetErrorMessage)(const OrtStatus *);
  OrtStatus *(*CreateEnv)(int log_level, const char *log_id, OrtEnv **);
  AnyFn *hole_4[3];
  OrtStatus *(*CreateSession)(const OrtEnv *, const void *path, const OrtSessionOptions *, OrtSession **);
  OrtStatus *(*CreateSessionFromArray)(const OrtEnv *, const void *, size_t, const OrtSessionOptions *,
                                       OrtSession **);
  OrtStatus *(*Run)(OrtSession *, const OrtRunOptions *, const char *const *in_names,
                    const OrtValue *const *in, size_t n_in, const char *const *out_names, size_t n_out,
                    OrtValue **out);
  OrtStatus *(*CreateSessionOptions)(OrtSessionOptions **);
  AnyFn *hole_11[8];
  OrtStatus *(*DisableCpuMemArena)(OrtSessionOptions *);
  AnyFn *hole_20[3];
  OrtStatus *(*SetSessionGraphOptimizationLevel)(OrtSessionOptions *, int level);
  OrtStatus *(*SetIntraOpNumThreads)(OrtSessionOptions *, int);
  OrtStatus *(*SetInterOpNumThreads)(OrtSessionOptions *, int);
  AnyFn *hole_26[4];
  OrtStatus *(*SessionGetInputCount)(const OrtSession *, size_t *);
  OrtStatus *(*SessionGetOutputCount)(const OrtSession *, size_t *);
  AnyFn *hole_32[4];
  OrtStatus *(*SessionGetInputName)(const OrtSession *, size_t, OrtAllocator *, char **);
  OrtStatus *(*SessionGetOutputName)(const OrtSession *, size_t, OrtAllocator *, char **);
  AnyFn *hole_38[10];
  OrtStatus *(*CreateTensorAsOrtValue)(OrtAllocator *, const int64_t *dim, size_t rank, int dtype,
                                       OrtValue **);
  OrtStatus *(*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo *, void *, size_t, const int64_t *dim,
                                               size_t rank, int dtype, OrtValue **);
  AnyFn *hole_50[1];
  OrtStatus *(*GetTensorMutableData)(OrtValue *, void **);
  OrtStatus *(*FillStringTensor)(OrtValue *, const char *const *, size_t);
  OrtStatus *(*GetStringTensorDataLength)(const OrtValue *, size_t *);
  OrtStatus *(*GetStringTensorContent)(const OrtValue *, void *, size_t, size_t *offsets, size_t n_offsets);
  AnyFn *hole_55[5];
  OrtStatus *(*GetTensorElementType)(const OrtTensorShape *, int *);
  OrtStatus *(*GetDimensionsCount)(const OrtTensorShape *, size_t *);
  OrtStatus *(*GetDimensions)(const OrtTensorShape *, int64_t *, size_t);
  AnyFn *hole_63[2];
  OrtStatus *(*GetTensorTypeAndShape)(const OrtValue *, OrtTensorShape **);
  AnyFn *hole_66[1];
  OrtStatus *(*GetValueType)(const OrtValue *, int *);
  AnyFn *hole_68[1];
  OrtStatus *(*CreateCpuMemoryInfo)(int allocator_type, int mem_type, OrtMemoryInfo **);
  AnyFn *hole_70[6];
  OrtStatus *(*AllocatorFree)(OrtAllocator *, void *);
  AnyFn *hole_77[1];
  OrtStatus *(*GetAllocatorWithDefaultOptions)(OrtAllocator **);
  AnyFn *hole_79[1];
  OrtStatus *(*GetValue)(const OrtValue *, int, OrtAllocator *, OrtValue **);
  OrtStatus *(*GetValueCount)(const OrtValue *, size_t *);
  AnyFn *hole_82[10];
  void (*ReleaseEnv)(OrtEnv *);
  void (*ReleaseStatus)(OrtStatus *);
  void (*ReleaseMemoryInfo)(OrtMemoryInfo *);
  void (*ReleaseSession)(OrtSession *);
  void (*ReleaseValue)(OrtValue *);
  AnyFn *hole_97[2];
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorShape *);
  void (*ReleaseSessionOptions)(OrtSessionOptions *);
  AnyFn *hole_101[29];
  OrtStatus *(*AddSessionConfigEntry)(OrtSessionOptions *, const char *key, const char *value);
} OrtApi;

/* The number of each entry that follows a hole. */
#define ORT_ENTRY(name, number)                                                                              \
  _Static_assert(offsetof(OrtApi, name) == (number) * sizeof(AnyFn *), #name " is entry " #number)
ORT_ENTRY(GetErrorMessage, 2);
ORT_ENTRY(CreateSession, 7);
ORT_ENTRY(DisableCpuMemArena, 19);
ORT_ENTRY(SetSessionGraphOptimizationLevel, 23);
ORT_ENTRY(SessionGetInputCount, 30);
ORT_ENTRY(SessionGetInputName, 36);
ORT_ENTRY(CreateTensorAsOrtValue, 48);
ORT_ENTRY(GetTensorMutableData, 51);
ORT_ENTRY(GetTensorElementType, 60);
ORT_ENTRY(GetTensorTypeAndShape, 65);
ORT_ENTRY(GetValueType, 67);
ORT_ENTRY(CreateCpuMemoryInfo, 69);
ORT_ENTRY(AllocatorFree, 76);
ORT_ENTRY(GetAllocatorWithDefaultOptions, 78);
ORT_ENTRY(GetValue, 80);
ORT_ENTRY(ReleaseEnv, 92);
ORT_ENTRY(ReleaseTensorTypeAndShapeInfo, 99);
ORT_ENTRY(AddSessionConfigEntry, 130);
#undef ORT_ENTRY

/* What OrtGetApiBase(), the library's one exported function, returns. */
typedef struct OrtApiBase {
  const OrtApi *(*GetApi)(uint32_t version); /* NULL if the library is older than `version` */
  const char *(*GetVersionString)(void);
} OrtApiBase;

#endif
