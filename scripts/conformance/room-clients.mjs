// Clients of a server with rooms and accounts. Imported, not run.

export const password = "correct horse"

/** What clients have got and `ask` has taken. */
const taken = new WeakMap()

/** Everything that a client has got. */
export const seen = (client) => [...(taken.get(client) ?? []), ...client.lines]

/** Sends lines, and returns what the client gets until the server has answered them, but not who has come and gone. */
export const ask = async (client, ...lines) => {
  client.send(...lines)
  const got = await client.answers()
  taken.set(client, [...(taken.get(client) ?? []), ...got])
  return got.filter((line) => !/^\* (?:joined |left [^#@])/u.test(line))
}

/** The lines without the text for people, and without times. */
export const heads = (lines) => lines.map((line) => line.split(": ", 1)[0].replace(/ at=\d+$/u, ""))

/** A guest, after these words of `/hello`. */
export const guest = async (server, name, words = "") => {
  const client = await server.connect()
  await ask(client, `/hello ${words}`, name)
  return client
}

/** A server on which these names have accounts. */
export const start = async (t, names, ...flags) => {
  const server = await t.serve("--store", "memory", ...flags)
  for (const name of names) {
    const client = await guest(server, name)
    await ask(client, `/register ${password}`)
    await quit(client)
  }
  return server
}

/** Leaves the server. */
export const quit = async (client) => {
  client.send("/quit")
  await gets(client, "* bye ")
}

/** A device of an account. */
export const account = (server, who, words) => guest(server, `${who}: ${password}`, words)

/** Waits for a line that begins so, and returns the first. */
export const gets = (client, begin) => client.until(begin, () => seen(client).find((line) => line.startsWith(begin)))

/** Waits for messages, and returns all that came, without their times. */
export const messages = async (client, count) => {
  const found = () => seen(client).filter((line) => /^(?:from|\* sent) /u.test(line))
  const lines = await client.until(`${count} messages`, () => (found().length >= count ? found() : undefined))
  return lines.map((line) => line.replace(/ at=\d+:/u, ":"))
}
