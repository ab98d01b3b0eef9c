/**
 * The emoji that the page offers, and the English names by which they are found. Any other one can be typed or
 * pasted as ever.
 */

/** @typedef {{ emoji: string, name: string, words: string[] }} Emoji `name` is its shortcode */

/** One a line: the emoji, its shortcode, and more words that find it. */
const TABLE = `
😀 grinning happy face
😃 smiley happy joy
😄 smile happy eyes
😁 grin teeth
😆 laughing haha
😅 sweat_smile nervous relief
🤣 rofl rolling laugh
😂 joy tears laugh
🙂 slight_smile
🙃 upside_down silly
😉 wink
😊 blush happy
😇 innocent angel halo
🥰 smiling_hearts love
😍 heart_eyes love
🤩 star_struck wow
😘 kiss
😋 yum tasty
😜 wink_tongue crazy
🤪 zany wild
🤗 hug hugging
🤭 giggle oops
🤫 shush quiet secret
🤔 thinking hmm
🤨 raised_eyebrow sceptical doubt
😐 neutral
😑 expressionless
😶 speechless
😏 smirk
😒 unamused
🙄 eye_roll
😬 grimace awkward
😌 relieved calm
😔 pensive sad
😪 sleepy
😴 sleeping zzz
😷 mask ill
🤒 thermometer ill fever
🤕 bandage hurt
🤢 nauseated sick
🤧 sneeze cold
🥵 hot
🥶 cold freezing
🥴 woozy
🤯 mind_blown exploding
🤠 cowboy
🥳 party_face birthday celebrate
😎 sunglasses cool
🤓 nerd
🧐 monocle inspect
😕 confused
😟 worried
🙁 frown sad
😮 open_mouth surprised
😲 astonished
😳 flushed embarrassed
🥺 pleading please
😨 fearful
😰 anxious
😢 cry sad tear
😭 sob crying
😱 scream
😖 confounded
😞 disappointed
😓 sweat hard
😩 weary
😫 tired
🥱 yawn bored
😤 huff triumph
😠 angry
😡 rage furious
🤬 swearing
😈 devil mischief
💀 skull dead
💩 poo
🤡 clown
👻 ghost
👽 alien
🤖 robot bot
👋 wave hello bye
🤚 raised_back_hand
✋ raised_hand stop high_five
🖖 vulcan
👌 ok_hand
🤌 pinched_fingers
🤏 pinch small
✌️ victory peace
🤞 crossed_fingers luck
🤟 love_you
🤘 horns rock
🤙 call_me shaka
👈 point_left
👉 point_right
👆 point_up
👇 point_down
👍 thumbsup +1 yes good
👎 thumbsdown -1 no bad
✊ fist
👊 punch fist_bump
👏 clap applause
🙌 raised_hands hooray
👐 open_hands
🤲 palms
🤝 handshake deal
🙏 pray thanks please
✍️ writing
💪 muscle strong
👀 eyes look
🧠 brain
👂 ear listen
🙋 raising_hand question
🤷 shrug dunno
🤦 facepalm
🙇 bow sorry
💁 info_desk
🙅 no_good
🙆 all_good
🏃 running run
🚶 walking walk
💃 dancing dance
🧘 meditation yoga calm
👶 baby
👩‍💻 woman_technologist coding
👨‍💻 man_technologist coding
🧑‍🍳 cook chef
👪 family
❤️ heart love
🧡 orange_heart
💛 yellow_heart
💚 green_heart
💙 blue_heart
💜 purple_heart
🖤 black_heart
🤍 white_heart
💔 broken_heart
💕 two_hearts
💯 100 hundred perfect
💥 boom collision
💫 dizzy
💦 droplets
💤 zzz sleep
🔥 fire hot lit
✨ sparkles shiny
⭐ star
🌟 glowing_star
🎉 tada party celebrate congratulations
🎊 confetti
🎈 balloon
🎁 gift present
🏆 trophy win
🥇 first_place gold medal
🎯 target dart
🎮 game
🎲 dice
🎵 music note
🎸 guitar
🎤 microphone sing
🎬 film clapper
📷 camera photo
💻 laptop computer
🖥️ desktop computer
⌨️ keyboard
🖨️ printer
📱 phone mobile
☎️ telephone
🔋 battery
🔌 plug
💡 bulb idea
🔦 torch
📚 books read
📖 book
📝 memo note
📌 pin
📎 paperclip
✂️ scissors
📅 calendar date
📈 chart_up growth
📉 chart_down
📊 bar_chart
📦 package parcel
✉️ envelope mail
📧 email
🔍 search magnifier
🔒 lock
🔓 unlock open
🔑 key
🔨 hammer
🔧 wrench fix
⚙️ gear settings
🧪 test_tube experiment
🐛 bug
🚀 rocket launch ship
🚗 car
🚌 bus
🚲 bicycle bike
✈️ airplane flight
🚢 ship boat
🏠 house home khaya
🏢 office building
🏥 hospital
🏫 school
⏰ alarm clock
⏳ hourglass wait
☀️ sun sunny
🌤️ partly_sunny
☁️ cloud
🌧️ rain
⛈️ storm thunder
🌈 rainbow
❄️ snowflake cold
🌊 wave_sea ocean
🌍 earth_africa world globe
🌙 moon night
🌱 seedling plant
🌳 tree
🌵 cactus aloe
🌸 blossom flower jacaranda
🌻 sunflower
🌹 rose
🍀 clover luck
🐶 dog
🐱 cat
🐭 mouse
🐰 rabbit
🦊 fox
🐻 bear
🐼 panda
🦁 lion
🐘 elephant
🦒 giraffe
🦓 zebra
🦏 rhino
🐢 turtle slow
🐍 snake
🐦 bird
🐧 penguin
🦉 owl
🐝 bee
🦋 butterfly
🐟 fish
🐳 whale
🍎 apple
🍌 banana
🍉 watermelon
🍇 grapes
🍓 strawberry
🥑 avocado
🌽 maize corn
🥕 carrot
🍞 bread
🧀 cheese
🥚 egg
🍗 chicken
🍔 burger
🍟 chips fries
🍕 pizza
🌮 taco
🍜 noodles
🍛 curry
🍣 sushi
🍰 cake
🎂 birthday_cake
🍪 biscuit cookie
🍫 chocolate
🍿 popcorn
☕ coffee
🍵 tea
🍺 beer
🍻 cheers beers
🍷 wine
🥂 toast clinking
⚽ football soccer
🏉 rugby
🏏 cricket
🏀 basketball
🎾 tennis
✅ check done yes
☑️ ticked
❌ cross no
❗ exclamation
❓ question
⚠️ warning
🚫 forbidden
⛔ no_entry
♻️ recycle
➕ plus
➖ minus
➡️ arrow_right
⬅️ arrow_left
⬆️ arrow_up
⬇️ arrow_down
🔄 refresh again
🆗 ok
🆕 new
🔴 red_circle
🟠 orange_circle
🟡 yellow_circle
🟢 green_circle
🔵 blue_circle
🏁 finish flag
🇿🇦 south_africa flag
`;

/** @type {readonly Emoji[]} in the order of the table, which begins with what is used most */
export const EMOJI = TABLE.trim()
  .split("\n")
  .map((line) => {
    const [emoji = "", name = "", ...words] = line.split(" ");
    return { emoji, name, words };
  });

/** The tones of skin, none first. */
export const SKIN_TONES = ["", "\u{1F3FB}", "\u{1F3FC}", "\u{1F3FD}", "\u{1F3FE}", "\u{1F3FF}"];

/**
 * @param {string} query the beginning of a name or a word
 * @returns {Emoji[]} names that begin with it first
 */
export function findEmoji(query) {
  const wanted = query.toLowerCase();
  const byName = EMOJI.filter(({ name }) => name.startsWith(wanted));
  const byWord = EMOJI.filter(
    ({ name, words }) =>
      !name.startsWith(wanted) && [...name.split("_"), ...words].some((word) => word.startsWith(wanted)),
  );
  return [...byName, ...byWord];
}

/**
 * @param {string} emoji
 * @param {string} tone one of {@link SKIN_TONES}
 * @returns {string} the emoji in this tone, where it can have one
 */
export function toned(emoji, tone) {
  if (tone === "" || !/^\p{Emoji_Modifier_Base}/u.test(emoji)) return emoji;
  return emoji.replace(/^(\p{Emoji_Modifier_Base})\ufe0f?/u, `$1${tone}`);
}
