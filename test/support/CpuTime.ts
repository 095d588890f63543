import { existsSync, readFileSync } from "node:fs"

/**
 * Times that a busy machine does not spoil. Other tests and programs may keep a test from running for seconds, and a
 * bound in real time would be either meaningless or broken.
 */

/** Milliseconds of CPU time that this process takes for `run`. */
export const cpuMillis = (run: () => void): number => {
  const before = process.cpuUsage()
  run()
  const { system, user } = process.cpuUsage(before)
  return (system + user) / 1_000
}

/**
 * Starts a clock that stands still while this thread, or the main thread of another process, is ready to run and the
 * kernel lets other programs run. Calling it returns its time in milliseconds, or real time where the kernel does not
 * tell.
 */
export const unhindered = (pid?: number): (() => number) => {
  const files = ["/proc/thread-self/schedstat", ...(pid === undefined ? [] : [`/proc/${pid}/schedstat`])]
  const delays = files.filter((file) => existsSync(file)).map((file) => delay(file))
  const look = () => delays.reduce((sum, millis) => sum + millis(), 0)
  // The process may end before the clock is read, and its file with it.
  const looking = setInterval(look, 10).unref()
  const before = look()
  const began = performance.now()
  return () => {
    const waited = look() - before
    clearInterval(looking)
    return Math.max(0, performance.now() - began - waited)
  }
}

/** The second number is the time, in nanoseconds, that a thread was ready to run. The last one known of it. */
const delay = (file: string) => {
  let last = 0
  return () => {
    try {
      last = Number(readFileSync(file, "latin1").split(" ")[1]) / 1e6
    } catch {
      // The process has ended.
    }
    return last
  }
}
