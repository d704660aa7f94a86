/* Rules that the caller adds to the options: text and a guard of his own (onnxslim_options_add_rule). */
#ifndef USER_RULES_H
#define USER_RULES_H

#include "options.h"
#include "rewrite/rule.h"

/* The pass that they are the rules of. It lives as long as the options. */
const Pass *user_pass(const struct UserRules *rules);

#endif
