// Memory and CPU of a process, from /proc or else from ps. Imported, not run.
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"

const hasProc = existsSync("/proc/self/stat")
const ps = (pid, column) => execFileSync("ps", ["-o", `${column}=`, "-p", String(pid)], { encoding: "utf8" }).trim()

/** Resident memory in KB; 0 for a process that has just ended. */
export const residentOf = (pid) =>
  Number(hasProc ? (/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) : ps(pid, "rss"))

/** Seconds of CPU since the start, in steps of 10 ms; of several processes, all together. */
export const cpuOf = (pid) => {
  if (Array.isArray(pid)) return pid.reduce((sum, one) => sum + cpuOf(one), 0)
  if (!hasProc)
    return ps(pid, "time")
      .split(/[:-]/)
      .reduce((sum, part) => sum * 60 + Number(part), 0)
  return cpuIn(`/proc/${pid}/stat`)
}

/** The same of the thread with the event loop; NaN where only ps reports it. */
export const mainThreadCpuOf = (pid) => (hasProc ? cpuIn(`/proc/${pid}/task/${pid}/stat`) : Number.NaN)

const cpuIn = (file) => {
  const stat = readFileSync(file, "utf8")
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13) // the name may contain spaces
  return (Number(user) + Number(system)) / 100
}

/** The limit of descriptors for a child process. */
export const descriptors = () => {
  const limit = execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim()
  return limit === "unlimited" ? Infinity : Number(limit)
}
