import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Duration from "effect/Duration"
import * as Server from "../src/chat/Server.js"
import * as Log from "../src/cli/Log.js"
import type { Listen, ListenerEvents, Socket, SocketEvents } from "../src/transport/Transport.js"
let ev!: ListenerEvents
const listen: Listen = ({ events }) => Effect.sync(() => { ev = events; return { address: { _tag: "Memory" } as const, suspend: Effect.void, resume: Effect.void } })
let closed = 0, wrote = 0
class S implements Socket {
  events!: SocketEvents
  remote = "127.0.0.1:1234"; host = "127.0.0.1"
  constructor(readonly n: number) {}
  attach(e: SocketEvents) { this.events = e }
  pause() {} resume() {} probe() {} untaken() { return 0 } end() {}
  write(b: string) { wrote++; setImmediate(() => this.events.end()); return true }
  get taken() { return Effect.void }
  close(_: Duration.Duration) { return Effect.async<void>((r) => { setImmediate(() => r(Effect.void)) }) }
  destroy() { closed++; next() }
}
let left = 0, resolve: () => void
const next = () => {
  if (left > 0) { left--; const n = left; setImmediate(() => { const s = new S(n); ev.accepted(s); setImmediate(() => s.events.data(Buffer.from(`name${n}\nname${n}: hello there\n`))) }) }
  else if (closed >= total) resolve()
}
let total = 0
const round = (n: number) => new Promise<void>((r) => { resolve = r; closed = 0; total = n; left = n; for (let i = 0; i < 50; i++) next() })
const prog = Effect.gen(function* () {
  yield* Server.make({ listen: [listen] })
  yield* Effect.promise(async () => {
    let min = 1e9; for (let i = 0; i < 14; i++) { const t = process.cpuUsage(); await round(5000); const u = process.cpuUsage(t); if (i > 2) min = Math.min(min, (u.user + u.system) / 5000) } console.log(min.toFixed(1), "us/conn (min)")
  })
}).pipe(Effect.scoped)
const sink = { write: () => true } as never
Effect.runPromise(prog.pipe(Effect.provide(process.argv[2] === "nolog" ? Logger.remove(Logger.defaultLogger) : Log.layer("logfmt", sink))))
