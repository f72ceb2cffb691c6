#if SCRIPTED_KERNEL
    /// Answers the reactor's system calls: the thread's script when it has one, otherwise Linux.
    ///
    /// The only place where that is decided. A release build contains neither the question nor a dynamic call.
    var kernel: any SystemCalls { ScriptedKernels.current ?? LinuxKernel() }
#else
    /// Answers the reactor's system calls. The value is empty and the accessor is inlined, so a call through it is a
    /// direct call.
    var kernel: LinuxKernel { @inline(__always) get { LinuxKernel() } }
#endif
