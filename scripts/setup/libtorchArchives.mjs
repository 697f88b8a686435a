/**
 * PyTorch's official archives that setup may fetch where no package manager has a libtorch: version, address and
 * checksum pinned together. PyTorch publishes no checksum file; each digest below is the one that independent public
 * projects pin for the same file (CP2K's toolchain among them for Linux). Nothing is used without a checksum.
 */
export const archives = [
  {
    version: '2.7.1',
    platform: 'linux-x64',
    url: 'https://download.pytorch.org/libtorch/cpu/libtorch-cxx11-abi-shared-with-deps-2.7.1%2Bcpu.zip',
    sha256: '63d572598c8d532128a335018913e795c1bbb32602ce378896dc8cfbb5590976',
  },
  {
    version: '2.7.1',
    platform: 'darwin-arm64',
    url: 'https://download.pytorch.org/libtorch/cpu/libtorch-macos-arm64-2.7.1.zip',
    sha256: 'aa89ac85b91c83d0f976f8d135330d51e38ab777b26ec24f312fd58d079314cb',
  },
];

/**
 * The archive to use: the one named by LIBTORCH_ARCHIVE_URL and LIBTORCH_ARCHIVE_SHA256, else the pinned one.
 * @returns {{ url: string, sha256: string, platform: string, version?: string } | undefined} undefined: none for this platform
 * @throws {Error} when an address is given without a checksum
 */
export function chooseArchive({ env = process.env, platform = `${process.platform}-${process.arch}` } = {}) {
  const url = env.LIBTORCH_ARCHIVE_URL;
  if (!url) return archives.find((archive) => archive.platform === platform);
  const sha256 = (env.LIBTORCH_ARCHIVE_SHA256 ?? '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Error(
      `LIBTORCH_ARCHIVE_URL is set, so LIBTORCH_ARCHIVE_SHA256 must hold the 64 hexadecimal digits of the file's checksum; it is ${sha256 === '' ? 'not set' : `"${sha256}"`}`,
    );
  }
  return { url, sha256, platform };
}
