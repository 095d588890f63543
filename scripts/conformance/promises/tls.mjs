// PROTOCOL.md: what it says about TLS. Imported, not run.
import { equal } from "../client.mjs"
import { section, timed } from "../suite.mjs"

const { all, check } = section("promises", "TLS", ["answers", "tls"])

export { all as tls }

check(
  "a client that does not speak TLS is refused with a reason",
  "also before TLS, from a client that does not speak it",
  async (t) => {
    const [bob] = await t.login("bob")
    const client = await t.connectPlainly()
    client.send("alice", `${bob.name}: hi`)
    await client.ends(/^! bad-login fatal: /u)
    await bob.answered()
  }
)

check(
  "a client that does not finish the handshake is closed in time",
  "| time from accept to TLS | 10 s, never more than the time to log in | `--handshake-timeout` |",
  (t) =>
    timed([300, 1_200, 4_800], async (millis, stopwatch) => {
      const server = await t.serve("--handshake-timeout", `${millis}ms`)
      const [alice] = await stopwatch.within(() => server.login("alice"))
      // Nothing, and the beginning of a handshake.
      for (const bytes of ["", Buffer.of(0x16, 3, 1, 2, 0, 1)]) {
        const client = await server.connectPlainly()
        client.write(bytes)
        await client.until("the end of the stream", () => client.ending, millis + t.patience)
        await client.ends()
      }
      await alice.answered()
    }),
  { needs: ["command"] }
)

check(
  "without close_notify an unfinished line is dropped",
  "Over TLS, an end without `close_notify` is a broken connection.",
  async (t) => {
    const [alice] = await t.login("alice")
    const [bob] = await t.greet("bob")
    alice.send(`${bob.name}: whole`)
    alice.write(`${bob.name}: begun`)
    const lines = []
    while (lines.at(-1) !== `from ${alice.name}: whole`) lines.push(await bob.line())
    alice.destroy()
    while (!lines.at(-1).startsWith(`* left ${alice.name}: `)) lines.push(await bob.line())
    equal(lines.filter((line) => line.startsWith("from ")).length, 1)
  }
)
