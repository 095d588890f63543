// Members of rooms, over many kills of the server: accounts, some with two devices, and guests. They write, join,
// leave, are removed, invited and silenced, look back, and come and go. Imported by main.mjs.
import { exported, tokenOf } from "../bench/accounts.mjs"
import { nameOf } from "../bench/wire.mjs"
import { missing, RoomLog } from "./room-log.mjs"
import { Device, longAgo, Member, nameIn } from "./room-members.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Members for each room, beside those of other rooms: each is in several. */
const membersOfRoom = 20

/** How many rooms each member enters at the beginning, and how many it is in at most. */
const roomsOfMember = { first: 3, most: 6 }

/** How often something happens, for each line that is written. */
const shares = {
  join: 0.05,
  leave: 0.02,
  remove: 0.03,
  lock: 0.005,
  silence: 0.01,
  history: 0.08,
  newcomer: 0.02,
  search: 0.02,
  outsider: 0.04,
  absence: 0.03
}

/** How long anything may take that must happen, in milliseconds. */
const patience = 60_000

/** Lines of a page that a member reads. */
const pageLines = 20

const refusalOf = ([{ mark, params }]) => (mark === "!" ? /reason=(\S+)/.exec(params)?.[1] : undefined)
const isOutside = (reason) => reason === "not-member" || reason === "no-room"

/** The lines of a page. */
const pastOf = (lines) =>
  lines.flatMap(({ code, params, text }) => {
    const found = /^(#\S+) (\S+)(?: guest=yes)? seq=(\d+) /.exec(params)
    return code === "past" && found !== null ? [{ room: found[1], author: found[2], seq: Number(found[3]), text }] : []
  })

class Crew {
  life = 0
  logs = new Map()
  members = []
  counts = {
    joins: 0,
    departures: 0,
    removals: 0,
    "locked and unlocked": 0,
    silences: 0,
    "pages of the past": 0,
    "refused to outsiders": 0,
    absences: 0
  }
  isOver = false
  #coming = new Set()

  constructor({ members, port, random, fail }) {
    this.port = port
    this.random = random
    this.fail = fail
    const guests = Math.floor(members / 10)
    this.accounts = members - guests
    for (let index = 0; index < members; index++) this.members.push(this.#member(index))
    const rooms = Math.max(2, Math.floor(members / membersOfRoom))
    for (let index = 0; index < rooms; index++) {
      const log = new RoomLog(`#room${index}`, this.members[index], fail)
      log.canBeLocked = index % 3 === 2
      this.logs.set(log.name, log)
    }
    this.rooms = [...this.logs.values()]
  }

  #member(index) {
    const isGuest = index >= this.accounts
    const member = new Member(isGuest ? `guest${index}` : nameOf(index), isGuest)
    const add = (name, words) => {
      const device = new Device(this, member, name, words)
      device.token = tokenOf(member.name, name)
      member.devices.push(device)
    }
    const ack = index % 3 === 2 ? "" : "ack "
    add("main", isGuest ? "seq" : `${ack}seq once`)
    if (!isGuest && index % 3 === 0) add("phone", `${index % 2 === 0 ? "ack " : ""}seq copies`)
    return member
  }

  get devices() {
    return this.members.flatMap(({ devices }) => devices)
  }

  /** All devices connect that are not there. */
  async come(devices = this.devices) {
    for (let at = 0; at < devices.length; at += 100) {
      await Promise.all(devices.slice(at, at + 100).map((device) => (device.isHere ? undefined : this.comeOne(device))))
    }
  }

  /** Connects, and again if that fails, as long as the server lives. */
  async comeOne(device) {
    if (this.#coming.has(device)) return
    this.#coming.add(device)
    const { life } = this
    const deadline = performance.now() + patience
    while (life === this.life && !device.isHere && !this.isDown) {
      try {
        await device.come()
      } catch (error) {
        // A guest's name is taken until the server has seen the end of its last connection.
        if (performance.now() > deadline) this.fail(`it does not come back: ${error.message}`)
        await sleep(50)
      }
    }
    this.#coming.delete(device)
  }

  /** A room that a member is in, or undefined. */
  roomOf(member, ...states) {
    const rooms = member.roomsIn(...states)
    return rooms.length === 0 ? undefined : this.random.pick(rooms)
  }

  // What members do. Each resolves when it is answered, and nothing else changes that membership meanwhile.

  async join(member, log) {
    const membership = member.in(log)
    if (!member.main.isHere || !membership.isOut || !member.hasNothingOnTheWay(log)) return
    membership.join(log.last)
    for (const { here } of member.devices) here?.left.delete(log)
    log.pending += 1
    const reply = await member.main.ask(`/join ${log.name}`)
    log.pending -= 1
    if (membership.state !== "joining" || reply === undefined) return
    const reason = refusalOf(reply)
    if (reason === undefined) {
      this.counts.joins += 1
      membership.entered(Number(/ last=(\d+)/.exec(reply[0].params)[1]))
      return
    }
    if (!log.canBeLocked || reason !== "policy") this.fail(`${member.name} could not join ${log.name}: ${reason}`)
    membership.spans.pop()
    membership.left()
  }

  async leave(member, log) {
    const membership = member.in(log)
    if (log.owner === member || !member.main.isHere || membership.state !== "in") return
    membership.state = "leaving"
    log.pending += 1
    const reply = await member.main.ask(`/leave ${log.name}`)
    log.pending -= 1
    if (reply === undefined) return
    if (refusalOf(reply) !== undefined) this.fail(`${member.name} could not leave ${log.name}: ${reply[0].params}`)
    member.main.here?.left.add(log)
    membership.left()
    this.counts.departures += 1
  }

  async remove(log, member) {
    const membership = member.in(log)
    if (log.owner === member || !log.owner.main.isHere || membership.state !== "in") return
    membership.state = "leaving"
    log.pending += 1
    const reply = await log.owner.main.ask(`/remove ${log.name} ${member.name}`)
    log.pending -= 1
    if (reply === undefined) return
    const reason = refusalOf(reply)
    // A guest may have left with its connection.
    if (reason !== undefined && !(member.isGuest && reason === "not-member")) {
      this.fail(`${log.owner.name} could not remove ${member.name} of ${log.name}: ${reason}`)
    }
    if (!membership.isOut) membership.left()
    this.counts.removals += 1
  }

  /** Locks a room, which removes its guests, and lets members in who are invited; or unlocks it. */
  async lock(log) {
    const { main } = log.owner
    if (!log.canBeLocked || log.pending > 0 || !main.isHere) return
    const guests = this.members.filter((member) => member.isGuest && !member.in(log).isOut)
    for (const guest of guests) guest.in(log).state = "leaving"
    log.pending += 1
    const reply = await main.ask(`${log.isLocked ? "/unlock" : "/lock"} ${log.name}`)
    log.pending -= 1
    if (reply === undefined) return
    if (refusalOf(reply) !== undefined) this.fail(`${log.owner.name} could not lock ${log.name}: ${reply[0].params}`)
    log.isLocked = !log.isLocked
    for (const guest of guests) if (!guest.in(log).isOut) guest.in(log).left()
    this.counts["locked and unlocked"] += 1
    const friend = this.random.pick(this.members.slice(0, this.accounts))
    if (!log.isLocked || !friend.in(log).isOut) return
    await main.ask(`/invite ${log.name} ${friend.name}`)
    await this.join(friend, log)
  }

  async silence(log, member) {
    if (log.owner === member || !log.owner.main.isHere || member.in(log).state !== "in") return
    log.silenced.add(member.name)
    this.counts.silences += 1
    await log.owner.main.ask(`/silence ${log.name} ${member.name} 2s`)
  }

  /** A page of what a member may read has the lines that everybody has seen, without a hole. */
  async history(member, log, params, upTo) {
    const { main } = member
    const { span, state } = member.in(log)
    if (!main.isHere || state !== "in") return
    const reply = await main.ask(`/history ${log.name} limit=${pageLines} ${params}`)
    if (reply === undefined) return
    const isStill = member.in(log).state === "in" && member.in(log).span === span
    const reason = refusalOf(reply.slice(-1))
    if (reason !== undefined) {
      if (isStill) this.fail(`${member.name} may not read ${log.name}: ${reason}`)
      return
    }
    this.counts["pages of the past"] += 1
    const lines = pastOf(reply)
    for (const [index, { author, seq, text }] of lines.entries()) {
      log.saw(seq, author, text, `${member.name}, in the past`)
      if (index > 0 && seq !== lines[index - 1].seq + 1) this.fail(`a page of ${log.name} has a hole before ${seq}`)
    }
    if (upTo > 0 && lines.at(-1)?.seq !== upTo) this.fail(`the past of ${log.name} lacks ${upTo} for ${member.name}`)
  }

  /** A newcomer, who is given nothing of what was before, finds it. */
  newcomer(member, log) {
    const { from } = member.in(log).span ?? {}
    return from === undefined ? undefined : this.history(member, log, `before=${from + 1}`, from)
  }

  /** A search finds nothing of rooms that the client is not in. */
  async search(member) {
    if (!member.main.isHere) return
    const outside = this.rooms.filter((log) => member.in(log).isOut)
    const reply = await member.main.ask(`/search limit=20 ${this.random.pick(this.members).name}`)
    for (const { author, room, seq, text } of pastOf(reply ?? [])) {
      const log = this.logs.get(room)
      log.saw(seq, author, text, `${member.name}, in a search`)
      if (outside.includes(log) && member.in(log).isOut) this.fail(`${member.name} found ${seq} of ${room}`)
    }
  }

  /** Who is not in a room, such as a member that was removed, learns nothing of it through any command. */
  async outsider(member, log) {
    const { main } = member
    if (!main.isHere || !member.in(log).isOut) return
    const { name } = log
    const commands = [`/history ${name}`, `/history ${name} after=0`, `/search in=${name} ${log.owner.name}`]
    commands.push(`/read ${name} 1`, `/members ${name}`, `/topic ${name}`, `/topic ${name} mine`, `/leave ${name}`)
    const command = this.random.pick(commands)
    const reply = await main.ask(command)
    if (reply === undefined || !member.in(log).isOut) return
    const reason = refusalOf(reply.slice(-1))
    // Guests have no read marks.
    if (!isOutside(reason) && !(member.isGuest && reason === "guest"))
      this.fail(`${member.name} is not in ${name}, and ${command} gets ${JSON.stringify(reply.at(-1))}`)
    else this.counts["refused to outsiders"] += 1
    const rooms = member.isGuest ? undefined : await main.ask("/conversations")
    const shown = rooms?.find(({ code, params }) => code === "conversation" && nameIn(params) === name)
    if (shown !== undefined && member.in(log).isOut) this.fail(`${member.name} is not in ${name}, and it is listed`)
  }

  /** A device goes, in order or not, and comes back after a while. */
  async absence(device) {
    if (!device.isIdle) return
    // Changes of its membership that others ask for must not be taken for its own.
    if (device.member.isGuest && device.member.roomsIn("joining", "leaving").length > 0) return
    this.counts.absences += 1
    await device.goAway(this.random.chance(0.5))
    await sleep(this.random.between(10, 3_000))
    if (this.isDown || this.isOver) return
    await this.comeOne(device)
    if (device.member.isGuest) await this.enterFirst(device.member)
  }

  /** The rooms of a member at the beginning, and of a guest after each login. */
  async enterFirst(member) {
    const { random, rooms } = this
    const wanted = new Set([rooms[this.members.indexOf(member) % rooms.length]])
    // One room has a quarter of all members.
    if (random.chance(0.25)) wanted.add(rooms[0])
    while (wanted.size < Math.min(roomsOfMember.first, rooms.length)) wanted.add(random.pick(rooms))
    await Promise.all([...wanted].map((log) => this.join(member, log)))
  }

  write() {
    const { random } = this
    const member = random.pick(this.members)
    if (!member.main.isHere) return
    // Now and then to a room that it is not in.
    const log = random.chance(0.02) ? random.pick(this.rooms) : this.roomOf(member, "in")
    if (log === undefined) return
    const logs = [log]
    const other = random.chance(0.1) ? this.roomOf(member, "in") : undefined
    if (other !== undefined && other !== log) logs.push(other)
    const account = random.chance(0.05) ? this.members[random.below(this.accounts)] : undefined
    member.main.write(logs, account === member ? undefined : account)
  }

  /** One line, and sometimes something else. */
  step() {
    const { random } = this
    this.write()
    const member = random.pick(this.members)
    const log = random.pick(this.rooms)
    const own = this.roomOf(member, "in")
    const acts = {
      join: () => member.roomsIn("in").length < roomsOfMember.most && this.join(member, log),
      leave: () => own && this.leave(member, own),
      remove: () => own && this.remove(own, member),
      lock: () => this.lock(log),
      silence: () => own && this.silence(own, member),
      history: () =>
        own && this.history(member, own, random.chance(0.5) ? "" : `after=${random.below(own.last + 1)}`, 0),
      newcomer: () => own && this.newcomer(member, own),
      search: () => this.search(member),
      outsider: () => this.outsider(member, this.roomOf(member, "out") ?? log),
      absence: () => this.absence(random.pick(member.devices))
    }
    for (const [name, share] of Object.entries(shares)) if (random.chance(share)) void acts[name]()
  }

  // Kills.

  async lose(server) {
    this.isDown = true
    this.life += 1
    const connected = this.devices.filter(({ here }) => here !== undefined)
    await server.kill()
    await Promise.all(connected.map((device) => device.gone()))
    for (const lost of [...this.members, ...this.devices]) lost.lost()
    for (const log of this.rooms) {
      log.silenced.clear()
      log.pending = 0
    }
  }

  async return() {
    this.isDown = false
    await this.come()
    await Promise.all(this.members.filter(({ isGuest }) => isGuest).map((guest) => this.enterFirst(guest)))
    // A busy machine may take its time over a thousand logins; from now on, what is acknowledged is saved soon.
    for (const device of this.devices) device.lost()
  }

  // The end.

  /** Reads the whole past of each room, as its owner. */
  async readAll() {
    for (const log of this.rooms) {
      let upTo = 0
      for (let hasMore = true; hasMore;) {
        const reply = await log.owner.main.ask(`/history ${log.name} after=${upTo} limit=100`)
        const lines = pastOf(reply ?? [])
        for (const { author, seq, text } of lines) {
          if (seq !== upTo + 1) this.fail(`${log.name} has a hole: ${seq} follows ${upTo}`)
          log.saw(seq, author, text, "the owner, in the past")
          upTo = seq
        }
        hasMore = reply?.at(-1)?.params.includes(" more=yes") === true
      }
      if (upTo !== log.last) this.fail(`${log.last - upTo} lines of ${log.name} are lost, from ${upTo + 1} on`)
    }
  }

  /** The lines that a device was not given of the rooms that its account is in, or was. */
  lacks(device) {
    const { member } = device
    const isOwed = ({ author }) => author !== member.name || (device.hasCopies && device !== member.main)
    return member.rooms.flatMap((log) =>
      member.in(log).spans.flatMap((span) => missing(log, span, device, isOwed).map((seq) => `${log.name} ${seq}`))
    )
  }

  /** What was stored for an account has come to its device that acknowledges. */
  checkDirect() {
    for (const { storedDirect } of this.devices) {
      for (const { account, text } of storedDirect) {
        if (account.main.hasAck && !account.main.direct.has(text)) account.main.fail(`was not given "${text}"`)
      }
    }
  }

  /** Lines of spans begin after the join. */
  checkSpans() {
    for (const device of this.devices) {
      for (const log of device.member.rooms) {
        for (const span of device.member.in(log).spans) {
          const { first = Infinity } = span.of(device)
          if (first <= (span.from ?? span.floor))
            device.fail(`got ${first} of ${log.name}, which is older than its join at ${span.from ?? span.floor}`)
        }
      }
    }
  }
}

/** Runs until the time is over; returns the figures and the faults. */
export const rooms = async (server, { kills, members, minutes, perSecond, random }) => {
  const faults = []
  let faultCount = 0
  const fail = (what) => {
    faultCount += 1
    if (faultCount > 20) return
    faults.push(what)
    console.error(`FAULT  ${what}`)
  }
  const crew = new Crew({ members, port: server.port, random, fail })
  const check = () => {
    const {
      expired,
      faults: found,
      given,
      stored,
      waiting
    } = JSON.parse(server.command("check", { flags: ["--json"] }))
    for (const fault of found) fail(`the store: ${fault}`)
    if (stored !== given + waiting + expired) fail(`the ledger: ${stored} is not ${given} + ${waiting} + ${expired}`)
  }
  server.command("import", { input: exported({ accounts: [0, crew.accounts], devices: ["main", "phone"] }) })
  await server.start()
  await crew.come()
  for (const log of crew.rooms) await crew.join(log.owner, log)
  for (const member of crew.members) await crew.enterFirst(member)
  const timers = [
    setInterval(() => crew.isDown || crew.devices.forEach((device) => device.acknowledge()), 150),
    setInterval(() => {
      for (const device of crew.devices) {
        device.rollAcknowledged()
        device.checkAnswers(patience)
      }
    }, longAgo)
  ]
  const beat = setInterval(() => {
    for (let left = perSecond / 20; left > 0; left--) if (!crew.isDown && random.chance(left)) crew.step()
  }, 50)
  const until = performance.now() + minutes * 60_000
  for (let count = kills; count > 0; count--) {
    const left = until - performance.now()
    await sleep(Math.max(500, random.between(left / (2 * count), left / count)))
    await crew.lose(server)
    check()
    await server.start()
    await crew.return()
  }
  await sleep(until - performance.now())
  clearInterval(beat)
  crew.isOver = true
  await crew.come()
  const deadline = performance.now() + patience
  const withAck = crew.devices.filter(({ hasAck }) => hasAck)
  const isDone = () =>
    crew.devices.every(({ isAtRest }) => isAtRest) && withAck.every((device) => crew.lacks(device).length === 0)
  await sleep(1_000)
  while (!isDone() && performance.now() < deadline) await sleep(500)
  await crew.readAll()
  for (const device of crew.devices) if (!device.isAtRest) device.fail("has lines without an outcome")
  for (const device of withAck) {
    const lacks = crew.lacks(device)
    if (lacks.length > 0) device.fail(`was not given ${lacks.length} lines, such as ${lacks.slice(0, 3).join(", ")}`)
  }
  crew.checkSpans()
  crew.checkDirect()
  for (const timer of timers) clearInterval(timer)
  const status = await server.stop()
  if (status !== 0) fail(`the server ended with status ${status}`)
  check()
  const sum = (key) => crew.devices.reduce((total, device) => total + device[key], 0)
  const figures = {
    kills,
    "members, and their devices": `${members}, ${crew.devices.length}`,
    rooms: crew.rooms.length,
    "lines reported as stored": sum("stored"),
    "returned, not stored": sum("returned"),
    "sent again after a kill": sum("sentAgain"),
    "given to members": sum("given"),
    "given again after a kill": sum("again"),
    "slowest answer, ms": Math.round(Math.max(...crew.devices.map(({ slowest }) => slowest.command))),
    "slowest outcome, ms": Math.round(Math.max(...crew.devices.map(({ slowest }) => slowest.outcome))),
    "missed without ack": crew.devices
      .filter(({ hasAck, member }) => !hasAck && !member.isGuest)
      .reduce((total, device) => total + crew.lacks(device).length, 0),
    ...crew.counts
  }
  return { figures, faults, faultCount }
}
