import type { Done, Fs, FsFile } from "../../src/store/fs.ts";
import type { SimDisk } from "./sim-disk.ts";
import { SimError } from "./sim-fault.ts";
import type { Inode, Write } from "./sim-inode.ts";
import { type Changing, type NameChange, shuffled } from "./sim-names.ts";

/** The port, on a `SimDisk`: what is begun here is done when the disk steps. */
export class SimFs implements Fs {
  readonly #disk: SimDisk;

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  list(): string[] {
    this.#disk.mustBeUp();
    return shuffled(this.#disk.names(), this.#disk.random);
  }

  openSync(name: string): FsFile {
    this.#disk.mustBeUp();
    const fault = this.#disk.called("openSync", name);
    if (fault !== null) throw fault;
    return new SimFile(this.#disk, this.#disk.inodeOf(name), name, false);
  }

  rewriteSync(name: string, bytes: Uint8Array, at: number): void {
    const disk = this.#disk;
    disk.mustBeUp();
    const fault = disk.called("rewriteSync", name, { at, size: bytes.length });
    const inode = disk.inodeOf(name);
    const there = new Uint8Array(bytes.length);
    inode.read(there, at, disk.random);
    if (Buffer.compare(there, bytes) !== 0) throw new Error(`${name}: other bytes are at ${at}`);
    if (disk.options.dropRewrite === true || (fault === null && inode.isDurable)) return;
    disk.moved();
    const error = finishWrite(disk, inode, name, inode.begin(at, bytes), fault);
    if (error !== null) throw error;
    if (disk.options.mode !== "os") inode.sync();
  }

  open(name: string, done: (error: Error | null, file?: FsFile) => void): void {
    const fault = this.#disk.called("open", name);
    const finish = (): void => {
      const inode = this.#disk.dir.current.get(name);
      if (fault !== null) done(fault);
      else if (inode === undefined) done(new SimError("ENOENT", `open ${name}`));
      else done(null, new SimFile(this.#disk, inode, name, true));
    };
    this.#disk.begin({ finish });
  }

  /** Half-made, a file has its name and a part of its zeros. One that fails is removed again. */
  create(name: string, size: number, done: (error: Error | null, file?: FsFile) => void): void {
    const disk = this.#disk;
    const fault = disk.called("create", name, { size });
    const inode = disk.newInode(size);
    const changes: Changing = (names) => [...removal(names, name), { made: name, inode }];
    const finish = (): void => {
      disk.dir.change(removal(disk.dir.current, name));
      const isFull = !disk.hasSpaceFor(size);
      const error = fault ?? (isFull ? new SimError("ENOSPC", `create ${name}`) : null);
      disk.dir.change([{ made: name, inode }]);
      if (error !== null) {
        disk.dir.change([{ gone: name, inode }]);
        done(error);
        return;
      }
      if (disk.options.mode !== "os") inode.makeDurable();
      done(null, new SimFile(disk, inode, name, true));
    };
    disk.begin({ finish, changes });
  }

  rename(from: string, to: string, done: Done): void {
    const changes: Changing = (names) => {
      const inode = names.get(from);
      return inode === undefined ? [] : [{ gone: from, made: to, inode }];
    };
    this.#change(this.#disk.called("rename", from), `rename ${from}`, changes, done);
  }

  remove(name: string, done: Done): void {
    const changes: Changing = (names) => removal(names, name);
    this.#change(this.#disk.called("remove", name), `remove ${name}`, changes, done);
  }

  /** What is changed while it is under way is not part of it. */
  syncDirectory(done: Done): void {
    const { dir, options, random } = this.#disk;
    const fault = this.#disk.called("syncDirectory", "");
    const count = dir.changes;
    const finish = (): void => {
      if (fault === null && options.dropDirectorySync !== true) dir.sync(count);
      if (fault !== null && options.names !== "ordered") dir.lose(count, random);
      done(fault);
    };
    this.#disk.begin({ finish });
  }

  syncDirectorySync(): void {
    const { dir, options, random } = this.#disk;
    this.#disk.mustBeUp();
    const fault = this.#disk.called("syncDirectorySync", "");
    if (options.dropRewrite === true || (fault === null && dir.isDurable)) return;
    this.#disk.moved();
    if (fault === null && options.dropDirectorySync !== true) dir.sync(dir.changes);
    if (fault !== null && options.names !== "ordered") dir.lose(dir.changes, random);
    if (fault !== null) throw fault;
  }

  #change(fault: SimError | null, what: string, changes: Changing, done: Done): void {
    const finish = (): void => {
      const made = changes(this.#disk.dir.current);
      if (fault === null) this.#disk.dir.change(made);
      done(fault ?? (made.length > 0 ? null : new SimError("ENOENT", what)));
    };
    this.#disk.begin(fault === null ? { finish, changes } : { finish });
  }
}

function removal(names: ReadonlyMap<string, Inode>, name: string): NameChange[] {
  const inode = names.get(name);
  return inode === undefined ? [] : [{ gone: name, inode }];
}

/** After `close` no call is allowed; what is under way is done nevertheless. */
class SimFile implements FsFile {
  readonly name: string;
  readonly size: number;
  readonly #disk: SimDisk;
  readonly #inode: Inode;
  readonly #isWritable: boolean;
  #isOpen = true;

  constructor(disk: SimDisk, inode: Inode, name: string, isWritable: boolean) {
    this.name = name;
    this.size = inode.size;
    this.#disk = disk;
    this.#inode = inode;
    this.#isWritable = isWritable;
    disk.opened(inode);
  }

  readSync(bytes: Uint8Array, at: number): number {
    this.#mustBeOpen();
    this.#disk.mustBeUp();
    const fault = this.#disk.called("readSync", this.name, { at, size: bytes.length });
    if (fault !== null) throw fault;
    return this.#inode.read(bytes, at, this.#disk.random);
  }

  read(bytes: Uint8Array, at: number, done: (error: Error | null, size?: number) => void): void {
    this.#mustBeOpen();
    const fault = this.#disk.called("read", this.name, { at, size: bytes.length });
    const finish = (): void => {
      if (fault !== null) done(fault);
      else done(null, this.#inode.read(bytes, at, this.#disk.random));
    };
    this.#disk.begin({ finish });
  }

  write(bytes: Uint8Array, at: number, done: Done): void {
    this.#mustBeOpen();
    if (!this.#isWritable) throw new Error(`${this.name} was opened to be read`);
    if (this.#disk.isDown) return;
    const fault = this.#disk.called("write", this.name, { at, size: bytes.length });
    const write = this.#inode.begin(at, bytes);
    const finish = (): void => {
      if (Buffer.compare(write.bytes, bytes) !== 0)
        throw new Error(`${this.name}: what is written at ${at} changed meanwhile`);
      done(finishWrite(this.#disk, this.#inode, this.name, write, fault));
    };
    this.#disk.begin({ finish, writes: this.#inode });
  }

  close(): void {
    if (this.#isOpen) this.#disk.closed(this.#inode);
    this.#isOpen = false;
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw new Error(`${this.name} is closed`);
  }
}

/** The oldest write under way to a file ends. @returns How. */
function finishWrite(
  disk: SimDisk,
  inode: Inode,
  name: string,
  write: Write,
  fault: SimError | null,
): SimError | null {
  const { random, options } = disk;
  const more = Math.max(0, write.end - inode.size);
  const isFull = more > 0 && !disk.hasSpaceFor(more);
  const error = fault ?? (isFull ? new SimError("ENOSPC", `write ${name}`) : null);
  if (error?.isShort) inode.failShort(write, random.below(write.bytes.length + 1));
  else if (error?.code === "ENOSPC") inode.drop(write);
  else if (error !== null) inode.fail(write, random);
  else if (options.mode === "os") inode.finish(write);
  else inode.finishDurably(write);
  return error;
}
