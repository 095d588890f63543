// Checks the Dockerfile: `node scripts/packaging/try-image.mjs` (as root, or where user namespaces are allowed).
//
// Builds and runs the image with docker, podman or buildah, whichever works. Where none does, it takes the steps of the
// Dockerfile itself, each stage in an empty root directory with this machine's Node in place of the base image. Then it
// starts the image's command as the image's user, and runs its health check until that succeeds.
import { spawn, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import * as EmptyRoot from "./empty-root.mjs"

const project = fileURLToPath(new URL("../..", import.meta.url))
const dockerfile = join(project, "scripts/packaging/Dockerfile")

const run = ([file, ...args]) => {
  const { error, status } = spawnSync(file, args, { env: EmptyRoot.outside, stdio: "inherit" })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`status ${status}: ${[file, ...args].join(" ")}`)
}

const works = (...command) => spawnSync(command[0], command.slice(1), { stdio: "ignore" }).status === 0

const sleep = (millis) => new Promise((resume) => setTimeout(resume, millis))

/** Tries until it succeeds. */
const eventually = async (what, attempt) => {
  for (let tries = 0; tries < 100; tries++) {
    if (await attempt()) return
    await sleep(100)
  }
  throw new Error(`not within 10 s: ${what}`)
}

// With a container engine.

const withEngine = async (engine) => {
  const tag = `a-chat-try-${process.pid}`
  run([engine, "build", "--file", dockerfile, "--tag", tag, project])
  run([engine, "run", "--detach", "--rm", "--name", tag, tag])
  try {
    await eventually("the health check succeeds", () => works(engine, "exec", tag, "a-chat", "ping", "--count", "1"))
    run([engine, "stop", "--time", "20", tag])
  } finally {
    spawnSync(engine, ["rm", "--force", tag], { stdio: "ignore" })
    spawnSync(engine, ["rmi", tag], { stdio: "ignore" })
  }
}

// Without one.

/** The instructions, with continued lines joined. */
const instructions = readFileSync(dockerfile, "utf8")
  .replaceAll(/\\\n/gu, " ")
  .split("\n")
  .filter((line) => line.trim() !== "" && !line.startsWith("#"))
  .map((line) => {
    const [, name = "", rest = ""] = /^(\S+)\s+(.*)$/u.exec(line) ?? []
    return { name, rest }
  })

/** The files and folders of the project that the build sees. */
const sent = () => {
  const lines = readFileSync(`${dockerfile}.dockerignore`, "utf8").split("\n")
  const kept = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1))
  if (!lines.includes("*")) throw new Error("the .dockerignore is expected to leave out everything but its exceptions")
  const matches = (name) =>
    kept.some((pattern) => new RegExp(`^${pattern.replace(".", "\\.").replace("*", "[^/]*")}$`, "u").test(name))
  return [...readdirSync(project).filter(matches), ...kept.filter((path) => path.includes("/"))]
}

const certificates = "/etc/ssl/certs/ca-certificates.crt"

/** How npm reaches the registry from here, which an engine needs as well. */
const npmSettings = () => {
  const registry = spawnSync("npm", ["config", "get", "registry"], { cwd: project, encoding: "utf8" }).stdout.trim()
  const passed = Object.entries(process.env).filter(([name]) => /^(?:https?_proxy|no_proxy)$/iu.test(name))
  return {
    ...Object.fromEntries(passed),
    ...(existsSync(certificates) ? { NODE_EXTRA_CA_CERTS: certificates } : {}),
    npm_config_registry: registry,
    npm_config_cache: "/tmp/npm"
  }
}

/** One stage: its root directory, and what its instructions say about running it. */
class Stage {
  env = {}
  directory = "/"
  user = undefined
  entrypoint = []
  command = []
  health = undefined

  constructor(root) {
    this.root = root
  }

  inside(command, env = {}) {
    return EmptyRoot.inside(this.root, command, { env: { ...this.env, ...env }, user: this.user })
  }

  take({ name, rest }, stages) {
    switch (name) {
      case "WORKDIR":
        this.directory = rest
        mkdirSync(join(this.root, rest), { recursive: true })
        return
      case "COPY":
        return this.copy(rest.split(/\s+/u), stages)
      case "RUN": {
        console.log(`RUN ${rest}`)
        return run(this.inside(["/bin/sh", "-c", `cd ${this.directory} && ${rest}`], npmSettings()))
      }
      case "USER":
        this.user = rest
        return
      case "ENTRYPOINT":
        this.entrypoint = JSON.parse(rest)
        return
      case "CMD":
        this.command = JSON.parse(rest)
        return
      case "HEALTHCHECK":
        this.health = JSON.parse(rest.slice(rest.indexOf("CMD") + "CMD".length))
        return
      case "EXPOSE":
      case "STOPSIGNAL":
        return // nothing to do in a directory
      default:
        throw new Error(`${name}: this script does not know the instruction`)
    }
  }

  copy(words, stages) {
    const [, from] = /^--from=(.*)$/u.exec(words[0]) ?? []
    const [to, ...sources] = (from === undefined ? words : words.slice(1)).toReversed()
    const target = join(this.root, resolve(this.directory, to))
    for (const source of sources) {
      if (from !== undefined) {
        cpSync(join(stages.get(from).root, source), target, { recursive: true, verbatimSymlinks: true })
      } else if (source === ".") {
        for (const name of sent()) {
          cpSync(join(project, name), join(target, name), { recursive: true })
        }
      } else if (sent().includes(source)) cpSync(join(project, source), join(target, source))
      else throw new Error(`COPY ${source}: the .dockerignore leaves it out`)
    }
  }
}

const withSteps = async () => {
  const folder = mkdtempSync(join(tmpdir(), "a-chat-image-"))
  try {
    const stages = new Map()
    let stage
    for (const instruction of instructions) {
      if (instruction.name !== "FROM") {
        stage.take(instruction, stages)
        continue
      }
      const [, base = "", name = String(stages.size)] = /^(\S+)(?:\s+AS\s+(\S+))?$/u.exec(instruction.rest) ?? []
      if (!base.startsWith("node:")) throw new Error(`FROM ${base}: this script only knows images of Node`)
      stage = new Stage(join(folder, name))
      EmptyRoot.make(stage.root, ["cat", "mkdir", "rm"])
      EmptyRoot.addNpm(stage.root)
      stages.set(name, stage)
    }
    await tryStage(stage)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs the last stage as the engine would: a port of its own, its user, its health check, its end. */
const tryStage = async (stage) => {
  if (stage.user === undefined) throw new Error("the image runs as root")
  if (stage.health === undefined) throw new Error("the image has no health check")
  const start = (command) => {
    // 8080 may be taken here; a container has a port of its own.
    const [file, ...args] = stage.inside(command, { ACHAT_PORT: "18080" })
    const child = spawn(file, args, { env: EmptyRoot.outside, stdio: "inherit" })
    return { child, ended: new Promise((resume) => child.on("exit", (status, signal) => resume(status ?? signal))) }
  }
  const server = start([...stage.entrypoint, ...stage.command])
  try {
    await eventually("the health check succeeds", async () => {
      if (server.child.exitCode !== null) throw new Error(`the server ended with ${server.child.exitCode}`)
      return (await start(stage.health).ended) === 0
    })
    server.child.kill("SIGTERM")
    const status = await server.ended
    if (status !== 0) throw new Error(`SIGTERM ended the server with ${status}`)
  } finally {
    server.child.kill("SIGKILL")
  }
}

const engine = ["docker", "podman"].find((name) => works(name, "info"))

try {
  if (engine !== undefined) await withEngine(engine)
  else if (EmptyRoot.isPossible) await withSteps()
  else throw new Error("neither docker nor podman works here, and chroot is not allowed")
  console.log(
    `the image builds, starts as an ordinary user, is healthy, and stops in order (${engine ?? "without an engine"})`
  )
} catch (error) {
  console.error(`try-image: ${error.message}`)
  process.exitCode = 1
}
