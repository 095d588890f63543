import { parentPort } from "node:worker_threads"
import type { Appended } from "../ports/StoreLines.js"
import * as LinePacking from "./LinePacking.js"
import { EngineFailure, SqliteEngine } from "./SqliteEngine.js"
import * as SqliteDriver from "./SqliteDriver.js"
import { Obstacle } from "./SqliteFile.js"
import type { FromThread, ThreadData, ThreadRequest, ToThread } from "./SqliteProtocol.js"
import type { Arguments, RequestName } from "./SqlRequests.js"

/**
 * The entry point of the thread of a store in SQLite (`dist/store-thread.cjs`). On the main thread, 50,000 lines per
 * second would keep the event loop busy for nine tenths of the time, and each flush would block it.
 */

const port = parentPort
if (port === null) throw new Error("this file is the thread of a store, and not a program")

const reply = (message: FromThread, moved: ReadonlyArray<ArrayBuffer> = []) => port.postMessage(message, [...moved])

/** Carries out a request. `moved` is the memory of the result to transfer to the main thread. */
const carryOut = (
  engine: SqliteEngine,
  request: Exclude<ThreadRequest, { ask: "close" | "backup" }>
): { readonly result: unknown; readonly moved?: ReadonlyArray<ArrayBuffer> } => {
  switch (request.ask) {
    case "append": {
      const { cursors, lines } = LinePacking.unpackAppend(request.packed)
      const numbers = LinePacking.packAppended(engine.call("append", request.moment, [lines, cursors]))
      return { result: numbers, moved: [numbers.buffer as ArrayBuffer] }
    }
    case "request":
      if (request.name === "page") {
        const page = engine.call("page", request.moment, request.args as Arguments<"page">)
        if (page.damaged !== undefined) engine.foundDamage()
        const packed = LinePacking.packPage(page)
        return { result: packed, moved: LinePacking.transferred(packed) }
      }
      if (request.name === "search") {
        const step = engine.call("search", request.moment, request.args as Arguments<"search">)
        if (step.isDamaged === true) engine.foundDamage()
        return { result: step }
      }
      return { result: engine.call(request.name, request.moment, request.args as Arguments<RequestName>) }
    case "diskBytes":
      return { result: engine.diskBytes() }
    case "checkFiles":
      return { result: engine.checkFiles() }
    case "shrink":
      return { result: engine.shrink() }
  }
}

const serve = (engine: SqliteEngine, request: ThreadRequest) => {
  if (request.ask === "close") {
    engine.close()
    return port.close()
  }
  if (request.ask === "backup") {
    const { id } = request
    return void engine.backup(request.file).then(
      () => reply({ is: "backup", id, failure: undefined }),
      (error: unknown) => reply({ is: "backup", id, failure: SqliteDriver.describeError(error) })
    )
  }
  try {
    const { moved, result } = carryOut(engine, request)
    reply({ is: "done", result, state: engine.state }, moved)
  } catch (error) {
    reply(failed(engine, error, request.ask === "append"))
    if (engine.state !== "unavailable") return
    engine.close()
    port.close()
  }
}

const failed = (engine: SqliteEngine, error: unknown, isAppend: boolean): FromThread => {
  const description = SqliteDriver.describeError(error)
  if (!(error instanceof EngineFailure))
    return { is: "failed", reason: "unavailable", description, state: engine.state }
  const { reason, uncertain } = error
  // `carryOut` has not packed this result.
  const result =
    isAppend && uncertain !== undefined
      ? LinePacking.packAppended(uncertain.result as ReadonlyArray<Appended>)
      : uncertain?.result
  return {
    is: "failed",
    reason,
    description,
    state: engine.state,
    uncertain: uncertain === undefined ? undefined : { commits: uncertain.commits, result }
  }
}

/** Opens the store. Undefined if there is an obstacle; the thread then ends. */
const open = (data: ThreadData): SqliteEngine | undefined => {
  try {
    const engine = new SqliteEngine({ ...data, base: __filename })
    reply({ is: "open", log: engine.log, commits: engine.commits, state: engine.state })
    engine.prepare() // after the answer, but before any request
    return engine
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error
    reply({ is: "closed", reason: error.reason, description: error.message })
    port.close()
    return undefined
  }
}

let engine: SqliteEngine | undefined
port.on("message", (message: ToThread) => {
  if (message.ask === "open") engine = open(message.data)
  else if (engine !== undefined) serve(engine, message)
})

// Loaded early, because this takes some milliseconds, in which the main thread may still be reading its settings.
SqliteDriver.loadDriver(__filename)
