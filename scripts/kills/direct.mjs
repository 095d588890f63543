// Guests and the account alice write to the account bob, over many kills of the server. Imported by main.mjs.
import { Reader, Writer } from "./clients.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Until a condition holds; `what` says in an error what did not happen. */
const until = async (holds, what) => {
  for (let left = 3_000; !holds(); left--) {
    if (left === 0) throw new Error(what())
    await sleep(10)
  }
}

/** Returns the figures and the faults. */
export const direct = async (server, { kills, random }) => {
  const { port } = server
  const writers = [
    ...["carol", "dave", "erin"].map((name) => new Writer(port, name)),
    new Writer(port, "alice", "once seq receipts")
  ]
  const alice = writers.at(-1)
  const [main, phone, copies] = [
    new Reader(port, "bob", "main", "ack seq"),
    new Reader(port, "bob", "phone", "seq"),
    new Reader(port, "alice", "phone", "ack seq copies")
  ]
  const readers = [main, phone, copies]
  await server.start()
  for (const client of [alice, ...readers]) await client.register()
  for (let count = 0; count < kills; count++) {
    await Promise.all([...writers, ...readers].map((client) => client.come()))
    await sleep(random.between(20, 400))
    await server.kill()
    await Promise.all([...writers, ...readers].map((client) => client.gone()))
    await server.start()
  }
  for (const writer of writers) writer.rest()
  await Promise.all([...writers, ...readers].map((client) => client.come()))
  const stored = () => writers.flatMap((writer) => [...writer.stored])
  await until(
    () => writers.every((writer) => writer.isAtRest) && stored().every((text) => main.texts.has(text)),
    () =>
      `lines that were stored did not arrive: ${stored()
        .filter((text) => !main.texts.has(text))
        .slice(0, 5)}`
  )
  await until(
    () => [...alice.stored].every((text) => copies.texts.has(text)),
    () => "lines of alice have no copies"
  )
  await until(
    () => alice.givenUpTo >= alice.storedUpTo,
    () => `alice has receipts up to ${alice.givenUpTo}, and lines up to ${alice.storedUpTo}`
  )
  const status = await server.stop()
  const faults = [...readers.flatMap(({ faults: some }) => some), ...main.holes(), ...copies.holes()]
  if (status !== 0) faults.push(`the server ended with status ${status}`)
  const own = [...main.texts.keys()].filter((text) => text.startsWith("alice "))
  for (const text of own) if (main.texts.get(text) > 1) faults.push(`"${text}" was stored twice`)
  for (const [text, count] of copies.texts) if (count > 1) faults.push(`"${text}" has two copies`)
  const figures = {
    kills,
    "lines reported as stored": stored().length,
    "stored, and not reported": main.texts.size - new Set(stored()).size,
    "given again after a kill": main.again,
    "sent again by alice": alice.sentAgain,
    "copies of hers": copies.texts.size,
    "receipts for her, up to": alice.givenUpTo,
    lost: 0
  }
  return { figures, faults }
}
