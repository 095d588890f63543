// Bugs in the protocol between the nodes of a cluster. Imported by main.mjs.
const nodes = true
const membership = "cluster/Membership.ts"
const burials = "cluster/Burials.ts"
const link = "cluster/NodeLink.ts"
const claims = "cluster/Claims.ts"
const wiring = "cluster/MakeNodes.ts"
const elsewhere = "cluster/NamesElsewhere.ts"
/** Where a bug needs a rare order of events, the tests of that. */
const parts = "test/cluster/Membership.test.ts"
const forgotten = "test/cluster/Membership-forgotten.test.ts"
const forgottenClaims = "test/cluster/Claims-forgotten.test.ts"

export const mutants = [
  {
    name: "a heartbeat is read after its memory was used again",
    file: wiring,
    search: "Frame.copy(frame)",
    replace: "frame",
    nodes
  },
  {
    name: "a node that nobody hears is never suspended",
    file: membership,
    search: "    return this.options.now() >= this.writesUntil\n",
    replace: "    return this.options.now() >= this.writesUntil * Infinity\n",
    nodes
  },
  {
    name: "a node that another one has taken for lost goes on if NATS has forgotten the burial",
    file: membership,
    search: "if (this.isLost) return this.beReborn(answer.right, undefined)",
    replace: "this.isLost = false",
    test: forgotten
  },
  {
    name: "a node writes on that another one does not name any more",
    file: membership,
    search: '    if (this.state === "active") this.suspend()\n  }\n\n  /**\n   * Reads',
    replace: "  }\n\n  /**\n   * Reads",
    test: forgotten
  },
  {
    name: "an old heartbeat, from before a node knew this one, tells that this one is lost",
    file: membership,
    search: "peer.knowsUs && number === peer.beat ? this",
    replace: "peer.knowsUs ? this",
    test: forgotten
  },
  {
    name: "a suspended node takes contents",
    file: wiring,
    search: "if (to !== this.membership.incarnation || this.membership.isSuspended) return",
    replace: "if (to !== this.membership.incarnation) return",
    nodes
  },
  {
    name: "a node writes again before its renewal is confirmed",
    file: membership,
    search: "      if (Either.isLeft(answer)) return // it may",
    replace:
      '      if (this.state === "suspended") this.renewedAt = this.options.now()\n      this.resume()\n' +
      "      if (Either.isLeft(answer)) return // it may",
    nodes
  },
  {
    name: "a lease that was read counts as renewed",
    file: membership,
    search: "      this.revision = entry?.revision ?? 0\n      return this.renew()",
    replace:
      "      this.revision = entry?.revision ?? 0\n      this.renewedAt = this.options.now()\n" +
      "      this.resume()\n      return this.renew()",
    test: parts
  },
  {
    name: "a renewal counts from its answer",
    file: membership,
    search: "      return sleeps === this.sleeps ? started : -Infinity",
    replace: "      return sleeps === this.sleeps ? this.options.now() : started - started - Infinity",
    test: parts
  },
  {
    name: "a renewal counts although the machine slept meanwhile",
    file: membership,
    search: "      return sleeps === this.sleeps ? started : -Infinity",
    replace: "      return sleeps >= 0 ? started : -Infinity",
    test: parts
  },
  {
    name: "a machine that slept is not noticed",
    file: membership,
    search: "    if (!this.wakeUp.hasSlept()) return\n",
    replace: "    if (this.sleeps >= 0) return\n",
    nodes
  },
  {
    name: "short naps of a machine do not add up",
    file: "cluster/WakeUp.ts",
    search: "this.span = around(this.span, ahead)",
    replace: "{\n      this.span = only(ahead)\n      this.spanBefore = this.span\n    }",
    test: "test/cluster/WakeUp.test.ts"
  },
  {
    name: "a node is buried at whatever revision its lease has",
    file: burials,
    search: "    peer.burial = { revision: suspicion.revision, isAsked: false }\n    this.bury(peer, peer.burial)",
    replace:
      "    this.readLease(peer.name, (answer) => {\n" +
      "      if (Either.isLeft(answer)) return\n" +
      "      peer.burial = { revision: answer.right?.revision ?? 0, isAsked: false }\n" +
      "      this.bury(peer, peer.burial)\n    })",
    nodes
  },
  {
    name: "a node is buried that has never heard of this one",
    file: burials,
    search: "(peer.knowsUs ? write + beat : slowBury)",
    replace: "(peer.knowsUs ? write + beat : write + beat + 0 * slowBury)",
    test: parts
  },
  {
    name: "a node is buried as soon as its lease was read",
    file: burials,
    search: "still < (peer.knowsUs ? write + beat : slowBury)",
    replace: "still < (peer.knowsUs ? 0 * (write + beat) : slowBury)",
    nodes
  },
  {
    name: "a suspended node buries others",
    file: burials,
    search: "if (isSuspended || silence < bury ||",
    replace: "if (silence < bury ||",
    test: parts
  },
  {
    name: "a grant counts from when it came",
    file: membership,
    search: "this.heartbeats.sentAt(beat))",
    replace: "this.options.now())",
    nodes
  },
  {
    name: "a lone node may write for ever",
    file: membership,
    search: "Math.min(this.oldestGrant + write, this.renewedAt + slowWrite)",
    replace: "Math.min(this.oldestGrant + write, Infinity * slowWrite)",
    test: parts
  },
  {
    name: "a node that is heard never renews its lease",
    file: membership,
    search: "(renew * 2) / 3 : slowRenew)",
    replace: "(renew * 2) / 3 : slowRenew * 1e9)",
    nodes
  },
  {
    name: "the grants of a lost node are not replaced by a renewal",
    file: membership,
    search: "    if (!hasLeft) this.lossAt = this.options.now()\n",
    replace: "",
    test: parts
  },
  {
    name: "a node that was lost comes back with its old lease",
    file: membership,
    search: "    if (known !== undefined && lease.incarnation < known.incarnation)\n",
    replace: "    if (known !== undefined && lease.incarnation < known.incarnation && revision > 1e9)\n",
    test: parts
  },
  {
    name: "a rebirth is repeated under another incarnation",
    file: membership,
    search: "if (this.attempted === undefined || this.attempted === buried)",
    replace: "if (this.incarnation !== undefined)",
    nodes
  },
  {
    name: "the old incarnation of a node goes on where it stood",
    file: membership,
    search: "    if (lease?.isAlive !== true) return this.beReborn(revision, lease?.incarnation)\n",
    replace: "    if (lease?.isAlive !== true) {\n      this.revision = revision\n      return this.renew()\n    }\n",
    nodes
  },
  {
    name: "a node writes before its names are its own again",
    file: membership,
    search: 'if (this.state === "suspended" && !this.isReclaiming) this.resume()',
    replace: 'if (this.state === "suspended") this.resume()',
    also: {
      file: membership,
      search: "    this.isReclaiming = true\n    this.events.reborn()\n",
      replace: "    this.isReclaiming = true\n    this.events.reborn()\n    this.resume()\n"
    },
    nodes
  },
  {
    name: "a process takes the lease of one of its name that still runs",
    file: "cluster/TakeLease.ts",
    search: "now() - earlier.since < Term.longer(term, lease.termMillis).slowBury",
    replace: "now() - earlier.since < 0 * Term.longer(term, lease.termMillis).slowBury",
    nodes
  },
  {
    name: "a node of a longer term is buried after the own one",
    file: "cluster/Term.ts",
    search: "(termMillis > term.bury ? of(termMillis) : term)",
    replace: "(termMillis > term.bury ? term : term)",
    nodes
  },
  {
    name: "a process waits for the lease of an earlier one however often that renews it",
    file: "cluster/TakeLease.ts",
    search: "if (mayWrite && earlier?.revision !== revision) {",
    replace: "if (mayWrite && earlier === undefined) {",
    test: "test/cluster/TakeLease.test.ts"
  },
  {
    name: "a process takes its own lease for that of an earlier one",
    file: "cluster/TakeLease.ts",
    search: "lease?.isAlive === true && lease.incarnation !== incarnation",
    replace: "lease?.isAlive === true",
    test: "test/cluster/TakeLease.test.ts"
  },
  {
    name: "a node ignores that another process has its lease",
    file: membership,
    search: "if (key === this.options.self) return this.learntOwn(lease)",
    replace: "if (key === this.options.self) return",
    test: parts
  },
  {
    name: "a process that was replaced releases the names of its successor",
    file: claims,
    search: "claim?.node === this.options.self && claim.incarnation <= this.options.incarnation()",
    replace: "claim?.node === this.options.self",
    nodes
  },
  {
    name: "a node that has left in order counts as one that was buried",
    file: membership,
    search: "    if (!hasLeft) this.lossAt = this.options.now()\n",
    replace: "    this.lossAt = this.options.now()\n",
    test: parts
  },
  {
    name: "a node leaves in order while its burial of another one is on its way",
    file: membership,
    search: "hasLeft: !this.mayBury, termMillis",
    replace: "hasLeft: true, termMillis",
    test: parts
  },
  {
    name: "a burial is forgotten that an earlier incarnation began",
    file: membership,
    search: "    this.mayBuryLate = this.mayBury\n",
    replace: "",
    test: parts
  },
  {
    name: "a node of another version is one of the others",
    file: membership,
    search: "if (isAlive && lease.version === protocolVersion) this.add",
    replace: "if (isAlive) this.add",
    test: parts
  },
  {
    name: "a node joins those of another version",
    file: "cluster/OtherVersions.ts",
    search: "if (lease?.isAlive !== true || lease.version === protocolVersion) return",
    replace: "if (lease?.isAlive !== true || lease.version >= 0) return",
    test: "test/cluster/OtherVersions.test.ts"
  },
  {
    name: "the lease of a node of another version is ended while that may run",
    file: "cluster/OtherVersions.ts",
    search: "lease.termMillis).slowBury) continue",
    replace: "lease.termMillis).beat) continue",
    test: "test/cluster/OtherVersions.test.ts"
  },
  {
    name: "the names of lost nodes stay in the directory",
    file: wiring,
    search: "    this.sweep.tick()\n",
    replace: "",
    nodes
  },
  {
    name: "a name of a lost node is removed although it was claimed again",
    file: "cluster/Sweep.ts",
    search: '      Effect.ignore(directory.swap("names", key, revision, undefined))',
    replace:
      '      Effect.ignore(Effect.flatMap(directory.get("names", key), (entry) =>\n' +
      '        directory.swap("names", key, entry?.revision ?? revision, undefined)))',
    test: "test/cluster/Sweep.test.ts"
  },
  {
    name: "the clients of a lost node have no time to come back",
    file: "cluster/Sweep.ts",
    search: "now() - since >= restMillis",
    replace: "now() - since >= 0 * restMillis",
    test: "test/cluster/Sweep.test.ts"
  },
  {
    name: "a node that leaves keeps its lease",
    file: wiring,
    search:
      '        if ((yield* directory.swap("nodes", this.self, entry?.revision ?? 0, dead)) !== undefined) return\n',
    replace: "        if (dead !== entry?.value) return\n",
    test: "test/cluster/MakeNodes.test.ts"
  },
  {
    name: "contents that come twice are taken twice",
    file: link,
    search: "if (number <= this.taken || this.early.has(number)) {",
    replace: "if (this.early.has(number)) {",
    also: {
      file: link,
      search: "if (number > this.taken + 1) {",
      replace: "if (number > this.taken + 1 && number > 0) {"
    },
    nodes
  },
  {
    name: "contents are taken in the order in which they come",
    file: link,
    search: "    if (number > this.taken + 1) {\n",
    replace: "    if (number > this.taken + 1e9) {\n",
    nodes
  },
  {
    name: "nothing is sent again",
    file: link,
    search: "      this.transmit({ ...sent, frame: Frame.copy(sent.frame) })\n",
    replace: "",
    nodes
  },
  {
    name: "a frame changes while it may be on its way out",
    file: link,
    search: "this.transmit({ ...sent, frame: Frame.copy(sent.frame) })",
    replace: "this.transmit(sent)",
    test: "test/cluster/NodeLink.test.ts"
  },
  {
    name: "the memory of a frame is used again while its first copy may be on its way out",
    file: link,
    search: "      if (!wasRepeated) this.actions.arrived(frame)\n",
    replace: "      this.actions.arrived(frame)\n",
    test: "test/cluster/NodeLink.test.ts"
  },
  {
    name: "a node acknowledges much of the window only once",
    file: link,
    search: "    this.isPrompt = false\n",
    replace: "",
    test: "test/cluster/NodeLink.test.ts"
  },
  {
    name: "nobody asks when nothing is acknowledged",
    file: link,
    search: "    if (this.unacknowledged.length > 0 && this.options.now()",
    replace: "    if (this.unacknowledged.length < 0 && this.options.now()",
    test: "test/cluster/NodeLink.test.ts"
  },
  {
    name: "a link that goes on after a suspension stays silent",
    file: link,
    search: "    this.isSilent = false\n",
    replace: "",
    nodes
  },
  {
    name: "contents are acknowledged that have not been taken",
    file: link,
    search: "number: 0, ack: this.taken }",
    replace: "number: 0, ack: this.taken + this.early.size }",
    nodes
  },
  {
    name: "the window of a link never opens again",
    file: link,
    search: "      this.bytes -= frame.length\n",
    replace: "",
    nodes
  },
  {
    name: "nobody is told that a window has room",
    file: link,
    search: "    this.actions.hasRoom()\n",
    replace: "",
    nodes
  },
  {
    name: "a link sends whatever its window is",
    file: link,
    search: "    if (this.bytes >= this.options.windowBytes) {\n",
    replace: "    if (this.bytes >= this.options.windowBytes * 1e9) {\n",
    test: "test/cluster/NodeLink.test.ts"
  },
  {
    name: "a node that sends nothing acknowledges nothing",
    file: "cluster/NodeLinks.ts",
    search: "for (const link of links) link.acknowledge()",
    replace: "links.length = 0",
    test: "test/cluster/MakeNodes.test.ts"
  },
  {
    name: "a node waits with its acknowledgement although much of the window is used",
    file: link,
    search: "    if (this.owedBytes < ",
    replace: "    if (this.owedBytes >= 0 || this.owedBytes < ",
    test: "test/cluster/NodeLink.test.ts"
  },
  {
    name: "frames to another incarnation of a node are taken",
    file: wiring,
    search: "if (to !== this.membership.incarnation ||",
    replace: "if (to === Frame.everyone ||",
    nodes
  },
  {
    name: "the names of a lost node can still be addressed",
    file: elsewhere,
    search: "      if (known !== undefined) this.show(known.name, undefined)\n",
    replace: "",
    nodes
  },
  {
    name: "names that were claimed before their node appeared are not known",
    file: elsewhere,
    search: "      if (known !== undefined) this.show(known.name, peer)\n",
    replace: "",
    nodes
  },
  {
    name: "names that were released while the engine was away stay",
    file: elsewhere,
    search: "      else if (!this.missing.has(key)) this.set(key, undefined)\n",
    replace: "      else if (this.missing.has(key)) continue\n",
    test: "test/cluster/NamesElsewhere.test.ts"
  },
  {
    name: "names that the engine has lost are gone before anybody could claim them again",
    file: elsewhere,
    search: "    this.isEmptied ||= isEmptied\n",
    replace: "    this.isEmptied &&= isEmptied\n",
    test: "test/cluster/notices.test.ts"
  },
  {
    name: "names that the engine has lost are never gone",
    file: elsewhere,
    search: "      else this.set(key, undefined)\n  }",
    replace: "      else this.missing.delete(key)\n  }",
    test: "test/cluster/NamesElsewhere.test.ts"
  },
  {
    name: "to a node that comes back as another one, all clients elsewhere have left and joined",
    file: wiring,
    search: "bearing: (run) => this.elsewhere.atOnce(run)",
    replace: "bearing: (run) => run()",
    test: "test/cluster/notices.test.ts"
  },
  {
    name: "a name that was removed comes back by a late answer",
    file: elsewhere,
    search: "    if (entry.revision <= this.toldUpTo) return\n",
    replace: "",
    test: "test/cluster/NamesElsewhere.test.ts"
  },
  {
    name: "a name that was read while the watch started again stays",
    file: elsewhere,
    search: "    if (isUntold) this.stale?.add(key)\n",
    replace: "",
    test: "test/cluster/NamesElsewhere.test.ts"
  },
  {
    name: "a removal takes a name away that was claimed again later",
    file: elsewhere,
    search: "if (isStale || (this.known.get(key)?.revision ?? 0) < revision) this.set",
    replace: "if (isStale || revision > 0) this.set",
    test: "test/cluster/NamesElsewhere.test.ts"
  },
  {
    name: "a name of a node that is not known yet is free",
    file: wiring,
    search: "      const known = this.membership.isAlive(node, incarnation)\n",
    replace: "      const known = this.membership.isAlive(node, incarnation) ?? false\n",
    test: "test/cluster/MakeNodes.test.ts"
  },
  {
    name: "a name is taken from whoever has it",
    file: claims,
    search: "if (owner !== undefined && !isOwn && (yield* this",
    replace: "if (owner !== undefined && !isOwn && attempt > 9 && (yield* this",
    nodes
  },
  {
    name: "the names of a buried node are never free",
    file: membership,
    search: "    return latest.incarnation === incarnation && latest.isAlive\n",
    replace: "    return latest.incarnation >= incarnation\n",
    test: "test/cluster/MakeNodes.test.ts"
  },
  {
    name: "a claim that was carried out late is kept without a client",
    file: claims,
    search: "if (claim?.incarnation !== held?.incarnation || claim?.name !== held?.name) {",
    replace: "if (claim?.name === undefined) {",
    also: {
      file: claims,
      search: '            if (exit._tag === "Failure") this.pending.add(likeness)\n',
      replace: ""
    },
    nodes
  },
  {
    name: "a late reading hides a claim that was carried out after it",
    file: claims,
    search: "if (!this.isWanted(likeness) && !this.news.delete(likeness))",
    replace: "if (!this.isWanted(likeness))",
    test: "test/cluster/Claims.test.ts"
  },
  {
    name: "a release is over although the directory has another claim of this node by now",
    file: claims,
    search: "if (known === undefined || !(yield* remove(known))) {",
    replace: "if (known !== undefined) yield* remove(known)\n        else {",
    test: "test/cluster/Claims.test.ts"
  },
  {
    name: "a release that fails is forgotten",
    file: claims,
    search: "        if (isCalledOff()) return\n        this.news.delete(likeness)\n",
    replace:
      "        if (isCalledOff()) return\n        this.news.delete(likeness)\n        this.pending.delete(likeness)\n",
    also: {
      file: claims,
      search: "          if (isCalledOff()) return\n          if (revision !== undefined",
      replace: "          if (revision !== undefined"
    },
    test: "test/cluster/Claims.test.ts"
  },
  {
    name: "a name is kept at a revision at which its removal is on its way",
    file: claims,
    search: "entry?.revision === slot.removing",
    replace: "entry?.revision === -1",
    test: "test/cluster/Claims.test.ts"
  },
  {
    name: "a node goes on for ever whose burial the engine has lost",
    file: "cluster/Membership.ts",
    search: "return lease.isAlive ? this.burials.buryAgain(key, revision, lease) : undefined",
    replace: "return",
    test: forgotten
  },
  {
    name: "a name is given away whose entry the engine has lost",
    file: claims,
    search: "if (by !== undefined) return this.lost(likeness, by)",
    replace: 'if (by === "") return this.lost(likeness, by)',
    test: forgottenClaims
  },
  {
    name: "names that the engine has lost are not claimed again",
    file: claims,
    search: "if ((revisions.get(Claim.keyOf(likeness)) ?? 0) < revision) this.pending.add(likeness)",
    replace: "if ((revisions.get(Claim.keyOf(likeness)) ?? revision) < revision) this.pending.add(likeness)",
    test: forgottenClaims
  },
  {
    name: "an earlier name is put right over a later one",
    file: claims,
    search: "      const again = Effect.map(this.claimAgain(likeness), (claimed) => {",
    replace:
      '      this.held.set(likeness, { ...held, incarnation: "" })\n' +
      "      const again = Effect.map(this.claim(likeness, held.name), (claimed) => {",
    test: "test/simulation/nodes.test.ts"
  },
  {
    name: "names are not claimed again by a node that was buried",
    file: wiring,
    search: "    this.fork(Effect.zipRight(this.claims.reclaim(this.taken), done))\n",
    replace: "    this.fork(done)\n",
    nodes
  },
  {
    name: "frames sent again to a node that was lost are no longer counted",
    file: "cluster/NodeLinks.ts",
    search: "    this.ended = sumOf(this.ended, link.counts)\n",
    replace: "",
    test: "test/cluster/MakeNodes.test.ts"
  },
  {
    name: "a node that is heard and that the watch does not tell of is never asked for",
    file: membership,
    search: "if (peer === undefined) return this.strangers.heard(Frame.nameIn(frame), from)",
    replace: "if (peer === undefined) return",
    nodes
  },
  {
    name: "a node that is heard is asked for at once",
    file: "cluster/Strangers.ts",
    search: "    if (now - before.since < patience) return\n",
    replace: "",
    test: forgotten
  },
  {
    name: "a node that is heard now and then is asked for",
    file: "cluster/Strangers.ts",
    search: " || now - before.heardAt > patience",
    replace: "",
    test: forgotten
  },
  {
    name: "a link asks what has arrived only with each heartbeat",
    file: wiring,
    search: "this.every(Math.min(this.term.beat, probeAfter), this.tickLinks)",
    replace: "this.every(this.term.beat, this.tickLinks)",
    test: "test/cluster/MakeNodes.test.ts"
  },
  {
    name: "a node that appears is not asked for what it has sent before",
    file: wiring,
    search: "    if (!this.membership.isSuspended) link.recover()\n",
    replace: "",
    test: "test/cluster/MakeNodes.test.ts"
  },
  // The engine goes back to an earlier state.
  {
    name: "a suspended node goes on before it hears whether the others have taken it for lost",
    file: membership,
    search: "|| !this.isNamed ||",
    replace: "||",
    test: forgotten
  },
  {
    name: "a suspended node waits for ever for one that is silent",
    file: membership,
    search: " || this.renewals >= unheardRenewals",
    replace: "",
    test: forgotten
  },
  {
    name: "the renewals of before a failure count for a node that waits for the others",
    file: membership,
    search: "      this.renewals = 0\n",
    replace: "",
    test: forgotten
  },
  {
    name: "a node goes on whose burial the watch has shown it, and the engine has forgotten",
    file: membership,
    search: "if (incarnation === this.incarnation && !isAlive) return this.noticeLoss()",
    replace: "if (incarnation === this.incarnation && !isAlive) return this.isSuspended || this.suspend()",
    test: forgotten
  },
  {
    name: "a node takes itself for replaced when the engine has forgotten its lease",
    file: membership,
    search: "return isForgotten || lease.incarnation === this.attempted ?",
    replace: "return lease.incarnation === this.attempted ?",
    nodes
  },
  {
    name: "a node that may write is reborn when the engine has forgotten its lease",
    file: membership,
    search: "if ((isForgotten && !this.isSuspended) || ",
    replace: "if ((lease === undefined && !this.isSuspended) || ",
    test: forgotten
  },
  {
    name: "a node is reborn as an earlier incarnation",
    file: membership,
    search: "buried === undefined || buried < this.incarnation ? this.incarnation : buried",
    replace: "buried ?? this.incarnation",
    test: forgotten
  },
  {
    name: "a node whose lease was forgotten is never buried",
    file: burials,
    search: "const isForgotten = lease === undefined || lease.incarnation < peer.incarnation",
    replace: "const isForgotten = lease === undefined",
    nodes
  },
  {
    name: "an earlier process whose successor was forgotten keeps that one from being buried",
    file: membership,
    search: "    if (peer?.suspicion?.isForgotten === true) peer.suspicion = { ...peer.suspicion, revision }\n",
    replace: "",
    test: forgotten
  },
  {
    name: "an earlier process goes on after the engine has forgotten its successor, which is dead",
    file: membership,
    search: "    if (isAlive && !known.isAlive) this.burials.buryAgain(name, revision, known)\n",
    replace: "",
    test: forgotten
  },
  {
    name: "a node that leaves trusts a lease that the engine has forgotten",
    file: wiring,
    search: "const isForgotten = lease === undefined || lease.incarnation < last.incarnation",
    replace: "const isForgotten = lease !== undefined && lease.incarnation > last.incarnation",
    test: "test/cluster/MakeNodes.test.ts"
  },
  {
    name: "a node does not ask for a name that the engine may have forgotten",
    file: claims,
    search: "if (this.pending.delete(likeness)) this.doubt(likeness)",
    replace: "this.pending.delete(likeness)",
    test: forgottenClaims
  },
  {
    name: "a claim that the engine has forgotten before the watch told of it is never missed",
    file: "cluster/UntoldClaims.ts",
    search: "      if (left > 1 && isHeld(likeness))",
    replace: "      if (left > 0)",
    test: forgottenClaims
  },
  {
    name: "a removal that the engine has forgotten before the watch told of it is never missed",
    file: "cluster/UntoldRemovals.ts",
    search: "        late.push(likeness)\n",
    replace: "",
    nodes
  },
  {
    name: "a removal that was not answered, and then forgotten, is never missed",
    file: claims,
    search: "          this.untoldRemovals.asked(likeness, revision)\n          return Effect.map(",
    replace: "          return Effect.tap(",
    also: {
      file: claims,
      search: "(removed) => removed !== undefined)",
      replace:
        "() => this.untoldRemovals.asked(likeness, revision)).pipe(Effect.map((removed) => removed !== undefined))"
    },
    test: forgottenClaims
  },
  {
    name: "time passes for a removal that has yet to be answered",
    file: "cluster/UntoldRemovals.ts",
    search: "      if (isBusy(likeness)) continue\n",
    replace: "",
    test: forgottenClaims
  },
  {
    name: "a removal is read again although the watch has told of it",
    file: claims,
    search: "    this.untoldRemovals.told(likeness, revision)\n",
    replace: "",
    test: forgottenClaims
  },
  {
    name: "a name that was claimed again is looked at for its removal of before",
    file: claims,
    search: "    this.untoldRemovals.claimed(likeness)\n",
    replace: "",
    test: forgottenClaims
  },
  {
    name: "a claim is read again although the watch has told of it",
    file: claims,
    search: "if (held !== undefined && revision >= held.revision) this.untold.told(likeness)",
    replace: "",
    test: forgottenClaims
  },
  {
    name: "a slow watch makes a node write its claims again",
    file: claims,
    search: "Either.isRight(read) && read.right ? Effect.void",
    replace: "Either.isRight(read) && read.right && held.name === likeness.toUpperCase() ? Effect.void",
    test: forgottenClaims
  },
  {
    name: "a claim of another node that came before the own answer is ignored",
    file: claims,
    search: "else if (told.name !== held.name) this.pending.add(likeness)",
    replace: "",
    test: forgottenClaims
  },
  {
    name: "a claim that was told and then forgotten before its answer is never missed",
    file: claims,
    search: "      if (!revisions.has(Claim.keyOf(likeness))) this.toldEarly.delete(likeness)",
    replace: "      if (revisions.has(likeness)) this.toldEarly.delete(likeness)",
    test: forgottenClaims
  },
  {
    name: "a name that is released while it is put right stays with its node",
    file: claims,
    search: "this.held.has(likeness) ? this.keep(likeness, held) : yours",
    replace: "this.keep(likeness, held)",
    test: forgottenClaims
  },
  {
    name: "what a later process has left is not removed by the earlier one that is reborn",
    file: claims,
    search: "      for (const likeness of this.later) this.pending.add(likeness)\n",
    replace: "",
    test: "test/cluster/Claims.test.ts"
  }
]
