// The three programs as one file, which the image holds under three names: each would bring its own copy of the Swift
// runtime, 15 MB. The name that it is called by says which one runs; any other name is `balancer`.
// The Swift package manager compiles the entry point of an executable target as TARGET_main and renames it as it links;
// the Dockerfile links the same object files once more, with this entry point.

#include <string.h>

int BalancerCommand_main(int count, char **arguments);
int ChatServerCommand_main(int count, char **arguments);
int ChatClientCommand_main(int count, char **arguments);

int main(int count, char **arguments) {
    const char *path = count > 0 ? arguments[0] : "";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (strcmp(name, "chat-server") == 0) return ChatServerCommand_main(count, arguments);
    if (strcmp(name, "chat-client") == 0) return ChatClientCommand_main(count, arguments);
    return BalancerCommand_main(count, arguments);
}
