// The entry point of one executable that contains all three programs. The image has it under three names, because each
// separate program would contain its own copy of the Swift runtime, 15 MB. The name in argv[0] selects the program; any other
// name selects `balancer`.
// The Swift package manager compiles the entry point of an executable target as TARGET_main and renames it when it links;
// the Dockerfile links the same object files again, with this entry point.

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
