// A root directory with Node, a shell and a few programs of this machine, and nothing else: what a package or an image
// is tried in without touching this machine. Imported by try-image.mjs and the tests.
import { spawnSync } from "node:child_process"
import { constants, copyFileSync, cpSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const find = (program) => {
  const { status, stdout } = spawnSync("sh", ["-c", 'command -v "$0"', program], { encoding: "utf8" })
  if (status !== 0) throw new Error(`this machine has no ${program}`)
  return stdout.trim()
}

/** The libraries of a program, and the loader that starts it. None for a script. */
const librariesOf = (file) => {
  const { stdout } = spawnSync("ldd", [file], { encoding: "utf8" })
  return [...stdout.matchAll(/(\/\S+) \(0x/gu)].map(([, path]) => path)
}

/**
 * Makes the directory.
 *
 * @param programs the names of the programs in it, besides `node`, `sh` and `env`
 */
export const make = (root, programs = []) => {
  const copy = (from, to = from) => {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    if (!existsSync(join(root, to))) copyFileSync(realpathSync(from), join(root, to), constants.COPYFILE_FICLONE)
  }
  const install = (from, to) => {
    copy(from, to)
    for (const library of librariesOf(from)) copy(library)
  }
  install(process.execPath, "/usr/bin/node")
  install(find("sh"), "/bin/sh")
  install(find("env"), "/usr/bin/env")
  for (const program of programs) install(find(program), `/usr/bin/${program}`)
  for (const directory of ["dev", "etc", "proc", "root", "tmp", "home/node"]) {
    mkdirSync(join(root, directory), { recursive: true })
  }
  writeFileSync(join(root, "dev/null"), "") // a device would need privileges
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n")
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnode:x:1000:\n")
}

/** Adds npm, which is a directory of scripts, and what it takes to reach its registry. */
export const addNpm = (root) => {
  const npm = dirname(dirname(realpathSync(find("npm"))))
  cpSync(npm, join(root, "usr/lib/node_modules/npm"), { recursive: true })
  writeFileSync(join(root, "usr/bin/npm"), '#!/bin/sh\nexec node /usr/lib/node_modules/npm/bin/npm-cli.js "$@"\n', {
    mode: 0o755
  })
  for (const file of ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl/certs/ca-certificates.crt"]) {
    if (!existsSync(file)) continue
    mkdirSync(dirname(join(root, file)), { recursive: true })
    copyFileSync(file, join(root, file))
  }
}

/** The environment of this process, with the folders of `chroot` and `mount`, which are only in the path of root. */
export const outside = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }

const works = ([file, ...args]) => spawnSync(file, args, { env: outside, stdio: "ignore" }).status === 0

/**
 * In a mount namespace, so that /proc can be in the directory too: Go programs, such as the compilers in the build,
 * find themselves through it. Who is not root, or root of a container without that right, takes a user namespace.
 */
const namespaces = [
  ["unshare", "--mount"],
  ["unshare", "--map-root-user", "--mount"]
].find((unshare) => works([...unshare, "sh", "-c", "mount --rbind /proc /proc"]))

/** Whether this machine allows `inside`. */
export const isPossible = namespaces !== undefined

/**
 * A command that runs in the root directory as root, or as another user where this process is root.
 *
 * @param env the whole environment of the command
 */
export const inside = (root, command, { env = {}, user } = {}) => [
  ...(namespaces ?? []),
  "sh",
  "-c",
  'mount --rbind /proc "$0/proc" && exec chroot "$@"',
  root,
  ...(user === undefined || namespaces?.length !== 2 ? [] : [`--userspec=${user}`]),
  root,
  "/usr/bin/env",
  "-i",
  ...Object.entries({ PATH: "/usr/local/bin:/usr/bin:/bin", ...env }).map(([name, value]) => `${name}=${value}`),
  ...command
]
