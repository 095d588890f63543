// Clients that connect and disconnect, break off, stop reading, or send junk. Imported, not run.
import { Client } from "./client.mjs"

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Expects lines with these beginnings, and reports others. */
const expecting = (client, ...starts) => {
  client.others = (line) => {
    const next = starts.shift()
    if (next === undefined || !line.startsWith(next))
      client.fail(`expected ${next}, came ${JSON.stringify(line.slice(0, 200))}`)
  }
}

let visits = 0

/** A client that stays, as a recipient for visitors. */
const host = async (world, name) => {
  world.book.recipient(name)
  const client = new Client(world, name)
  await client.login()
  return client
}

/** Connects, logs in, writes to the host and to an absent name, and leaves in a random way. */
const visit = async (world, to) => {
  const { book, random } = world
  const name = `visitor-${visits++}`
  book.sender(name)
  const client = new Client(world, name)
  expecting(client, "! undelivered nobody reason=offline: ", "* bye reason=quit: ")
  await client.login()
  for (let left = random.below(5); left >= 0; left--) client.message([to.name], { size: random.below(300) })
  client.send("nobody: are you there?\n")
  book.totals.toNobody += 1
  const way = random.pick(["end", "quit", "half", "reset", "destroy"])
  if (way === "half") {
    // A last line without its LF counts, and its outcomes still arrive.
    client.send(book.line(name, [to.name], { size: 20 }).trimEnd())
    await client.leave()
  } else {
    await client.ping()
    if (way === "end") await client.leave()
    if (way === "reset") await client.reset()
    if (way === "destroy") client.socket.destroy()
    if (way === "quit") {
      client.send("/quit\n")
      if (!(await client.closed)) client.fail("/quit did not end in order")
    }
  }
  book.leave(name)
}

const churn = {
  title: "churn",
  async run(world) {
    const to = await host(world, "host")
    let sent = 0
    const keepVisiting = async () => {
      while (!world.isOver()) {
        await visit(world, to)
        sent += 1
        await pause(world.random.below(20))
      }
    }
    await Promise.all(Array.from({ length: 4 }, keepVisiting))
    await world.settled()
    await to.leave()
    return { sent }
  }
}

/** Sends labelled lines to a recipient until the soak is over; returns their number. */
const feed = async (world, feeder, to, { beat, burst, size }) => {
  let sent = 0
  while (!world.isOver()) {
    for (let left = burst; left > 0 && feeder.isFree && world.book.underWay(feeder.name) < 2_000; left--) {
      feeder.message([to], { isLabelled: true, size })
      sent += 1
    }
    await pause(beat)
  }
  return sent
}

const feederOf = async (world, name) => {
  world.book.sender(name)
  const feeder = new Client(world, name)
  await feeder.login()
  await feeder.greet()
  return feeder
}

/** A reader that gets a constant load from a feeder, while `hinder` keeps it from reading. */
const hindered = async (world, { feeder, load, name }, hinder) => {
  world.book.recipient(name, { returns: ["busy"] })
  const reader = new Client(world, name)
  await reader.login()
  const sender = await feederOf(world, feeder)
  const feeding = feed(world, sender, name, load)
  await hinder(reader)
  const sent = await feeding
  await world.settled()
  world.book.leave(sender.name)
  await reader.leave()
  await sender.leave()
  return { sent }
}

/** Stops reading again and again, for longer and shorter than the hold timeout, and continues. */
const stuck = (index) => ({
  title: `stuck reader ${index}`,
  run: (world) => {
    const load = { beat: 20, burst: 20, size: 20_000 }
    return hindered(world, { feeder: `feeder-${index}`, load, name: `stuck-${index}` }, async ({ socket }) => {
      while (!world.isOver()) {
        socket.pause()
        await pause(world.random.between(100, 4_000))
        socket.resume()
        await pause(world.random.between(100, 4_000))
      }
    })
  }
})

/** Reads a little at a time. */
const slow = {
  title: "slow reader",
  run: (world) => {
    const load = { beat: 10, burst: 5, size: 2_000 }
    return hindered(world, { feeder: "slow-feeder", load, name: "slow" }, async ({ socket }) => {
      const rest = () => {
        socket.pause()
        setTimeout(() => socket.resume(), 50)
      }
      socket.on("data", rest)
      while (!world.isOver()) await pause(50)
      socket.off("data", rest)
    })
  }
}

/** Breaks its connection again and again while it is written to, and reconnects with the same name. */
const breaking = {
  title: "breaking reader",
  async run(world) {
    const name = "breaking"
    world.book.recipient(name, { breaks: true, returns: ["offline", "disconnected", "busy"] })
    const feeder = await feederOf(world, "breaking-feeder")
    const feeding = feed(world, feeder, name, { beat: 10, burst: 10, size: 3_000 })
    let reader
    while (!world.isOver()) {
      reader = new Client(world, name)
      // Its name may not be free yet.
      let isRefused = false
      reader.others = (line) => {
        isRefused = true
        if (!line.startsWith(`! login-in-use ${name} fatal: `)) reader.fail(`came ${line}`)
      }
      await reader.login()
      if (isRefused) {
        await reader.closed
        continue
      }
      await pause(world.random.between(10, 500))
      if (world.random.below(3) === 0) {
        reader.socket.pause()
        await pause(world.random.between(10, 1_000))
      }
      await reader.reset()
    }
    const sent = await feeding
    await world.settled()
    world.book.leave(feeder.name)
    await feeder.leave()
    return { sent }
  }
}

/** Sends bytes that are not a login or, after a login, not valid lines. */
const junk = {
  title: "junk",
  async run(world) {
    let sent = 0
    while (!world.isOver()) {
      const name = `junk-${visits++}`
      const client = new Client(world, name, { others: () => {} }) // any answer is fine
      const isLoggedIn = world.random.below(2) === 0
      if (isLoggedIn) await client.login()
      // Every eighth byte is never part of UTF-8, so that no line is valid.
      const bytes = Uint8Array.from({ length: world.random.between(1, 20_000) }, (_, i) =>
        i % 8 === 0 ? 0xff : world.random.below(256)
      )
      client.send(bytes)
      client.send(Buffer.of(0xff, 0x0a))
      if (world.random.below(2) === 0) await client.reset()
      else {
        client.socket.end()
        await client.closed
      }
      sent += 1
      await pause(world.random.below(100))
    }
    return { sent }
  }
}

export const hostility = [churn, stuck(0), stuck(1), slow, breaking, junk]
