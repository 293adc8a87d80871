// Audio files as samples.

/**
 * Reads a file, mono, at a sample rate.
 *
 * @throws Error whose message is for the user
 */
export async function readFile(file, sampleRate) {
  const content = await file.arrayBuffer();
  let audio;
  try {
    // decoding resamples to the context's rate
    audio = await new OfflineAudioContext(1, 1, sampleRate).decodeAudioData(content);
  } catch {
    throw new Error(
      `${file.name} is no audio file that this browser can read. Choose WAV, FLAC, MP3 or Ogg.`,
    );
  }
  const mono = new Float32Array(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel++) {
    const samples = audio.getChannelData(channel);
    for (let i = 0; i < mono.length; i++) mono[i] += samples[i] / audio.numberOfChannels;
  }
  return mono;
}
