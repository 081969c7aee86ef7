import Foundation

/// A library that makes the wall clock of a program wrong, and nothing else: faketime moves the clock that Swift sleeps by
/// as well, which no wrong clock does.
enum WrongClock {
    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <sys/time.h>
        #include <time.h>
        static long wrong(void) { const char *s = getenv("WRONG_CLOCK_SECONDS"); return s ? atol(s) : 0; }
        int clock_gettime(clockid_t id, struct timespec *t) {
            static int (*next)(clockid_t, struct timespec *);
            if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
            int answer = next(id, t);
            if (answer == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += wrong();
            return answer;
        }
        int gettimeofday(struct timeval *t, void *zone) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            t->tv_sec = now.tv_sec;
            t->tv_usec = now.tv_nsec / 1000;
            return 0;
        }
        time_t time(time_t *place) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (place) *place = now.tv_sec;
            return now.tv_sec;
        }
        """

    private static let made = Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-clock-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("clock.c")
        try Data(source.utf8).write(to: file)
        let library = folder.appendingPathComponent("clock.so").path
        let (output, status) = try Tool.run(["clang", "-shared", "-fPIC", "-o", library, file.path, "-ldl"])
        guard status == 0 else { throw RunningWeir.Failure("the clock library was not made: \(output)") }
        return library
    }

    /// Its path, for `LD_PRELOAD`; `WRONG_CLOCK_SECONDS` says how wrong.
    static func library() throws -> String { try made.get() }
}
