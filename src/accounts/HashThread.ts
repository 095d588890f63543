import { scryptSync } from "node:crypto"
import { readlinkSync } from "node:fs"
import { constants, getPriority, setPriority } from "node:os"
import { parentPort } from "node:worker_threads"
import { type HashAnswer, type HashRequest, niceness } from "./HashProtocol.js"

/** The entry point of a thread that hashes passwords (`dist/hash-thread.cjs`). See `HashThreads`. */

const port = parentPort
if (port === null) throw new Error("this file is a thread that hashes passwords, and not a program")

/**
 * Lowers the priority of this thread on Linux. On other systems, a priority belongs to the whole process and stays
 * unchanged.
 */
const giveWay = () => {
  try {
    const [, thread] = /(\d+)$/u.exec(readlinkSync("/proc/thread-self")) ?? []
    const nice = Math.min(constants.priority.PRIORITY_LOW, getPriority() + niceness)
    if (thread !== undefined) setPriority(Number(thread), nice)
  } catch {
    // Without /proc or the permission, hashes compete with the event loop.
  }
}

const answer = ({ bytes, options, password, salt }: HashRequest): HashAnswer => {
  try {
    return { hash: scryptSync(password, salt, bytes, options) }
  } catch (failure) {
    return { failure }
  }
}

giveWay()
port.on("message", (request: HashRequest) => port.postMessage(answer(request)))
