// The module is its header; this file makes it a target, and proves that the header stands alone.
#include "CEpoll.h"
