import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Duration from "effect/Duration"
import * as Server from "../src/chat/Server.js"
import type { Listen, ListenerEvents, Socket, SocketEvents } from "../src/transport/Transport.js"
let ev!: ListenerEvents
const listen: Listen = ({ events }) => Effect.sync(() => { ev = events; return { address: { _tag: "Memory" } as const, suspend: Effect.void, resume: Effect.void } })
const K = +(process.argv[2] ?? 1) // peers
class S implements Socket {
  events!: SocketEvents
  remote = "127.0.0.1:1234"; host = "127.0.0.1"
  constructor(readonly n: number) {}
  attach(e: SocketEvents) { this.events = e }
  pause() {} resume() {} probe() {} untaken() { return 0 } end() {}
  write(b: string) { got(this); return true }
  get taken() { return Effect.void }
  close(_: Duration.Duration) { return Effect.void }
  destroy() {}
}
let left = 0, resolve: () => void
const got = (s: S) => { if (left-- <= 0) { resolve?.(); return } setImmediate(() => s.events.data(Buffer.from(`n${s.n}: hello there, this is 32 bytes\n`))) }
const prog = Effect.gen(function* () {
  yield* Server.make({ listen: [listen] })
  yield* Effect.promise(async () => {
    const ss = Array.from({ length: K }, (_, i) => new S(i))
    for (const s of ss) { ev.accepted(s); s.events.data(Buffer.from(`n${s.n}\n`)) }
    await new Promise((r) => setTimeout(r, 50))
    let min = 1e9
    for (let i = 0; i < 12; i++) { const t = process.cpuUsage(); const N = 40000; (globalThis as any).__ops = {}; await new Promise<void>((r) => { resolve = r; left = N; for (const s of ss) s.events.data(Buffer.from(`n${s.n}: hello there, this is 32 bytes\n`)) }); const u = process.cpuUsage(t); min = Math.min(min, (u.user + u.system) / N)
      if (i === 11) console.log(Object.entries((globalThis as any).__ops).map(([k, v]: any) => k + " " + (v / N).toFixed(1)).join(", ")) }
    console.log(min.toFixed(2), "us/msg (min)")
  })
}).pipe(Effect.scoped)
Effect.runPromise(prog.pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))).then(() => process.exit())
