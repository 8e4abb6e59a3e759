/* A clock that is 5 minutes ahead, put before the real one by LD_PRELOAD: what a machine with a wrong clock is to a process. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  int done = (int)syscall(SYS_clock_gettime, clock, now);
  if (done == 0 && clock == CLOCK_REALTIME) now->tv_sec += 300;
  return done;
}
