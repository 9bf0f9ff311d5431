// This module is browser compatible.
/** Which words of an English caption name which of COCO's 80 object classes; the project's own list. */

/** Words for each class beside its own name; regular plurals are derived. Words that mean something else as often are left out. */
const WORDS = `
person: man men woman women boy girl child children kid baby babies toddler infant guy lady ladies gentleman gentlemen people
  adult teenager teen player skier snowboarder surfer skateboarder rider biker cyclist bicyclist motorcyclist batter catcher
  umpire referee passenger pedestrian tourist chef waiter waitress waitresses policeman policemen officer fireman firemen
  firefighter farmer worker driver pilot jockey cowboy soldier student teacher bride groom crowd spectator audience swimmer
  mother father mom dad son daughter brother sister friend businessman businessmen someone
bicycle: bike
car: automobile sedan suv taxi cab limousine limo van minivan convertible hatchback jeep
motorcycle: motorbike motorcyle scooter moped harley
airplane: plane jet aircraft jetliner airliner biplane aeroplane
bus: buses busses minibus
train: locomotive tram trolley
truck: pickup lorry lorries firetruck
boat: ship sailboat canoe kayak raft ferry ferries yacht gondola motorboat rowboat barge
traffic light: stoplight
fire hydrant: hydrant
stop sign:
parking meter:
bench: benches
bird: duck goose geese seagull gull pigeon parrot swan owl eagle hawk ostrich ostriches rooster penguin flamingo pelican crow
  sparrow heron peacock dove parakeet hummingbird
cat: kitten kitty kitties
dog: puppy puppies pup poodle terrier bulldog dalmatian labrador retriever collie dachshund pug chihuahua
horse: pony ponies stallion foal mare colt
sheep: lamb ewe
cow: cattle bull calf calves ox oxen
elephant:
bear: panda
zebra:
giraffe: giraffes girafe
backpack: knapsack rucksack
umbrella: parasol
handbag: purse pocketbook
tie: necktie bowtie
suitcase: luggage briefcase
frisbee:
skis: ski
snowboard:
sports ball: ball baseball basketball football volleyball softball
kite:
baseball bat: bat
baseball glove: mitt
skateboard: longboard
surfboard:
tennis racket: racket racquet
bottle:
wine glass: wineglass wineglasses goblet
cup: mug teacup
fork:
knife: knives
spoon:
bowl:
banana:
apple:
sandwich: sandwiches burger hamburger cheeseburger panini
orange: oranges
broccoli:
carrot:
hot dog: hotdog
pizza:
donut: doughnut
cake: cupcake cheesecake
chair: stool armchair recliner
couch: couches sofa loveseat
potted plant: houseplant
bed:
dining table: table desk
toilet: urinal commode
tv: television monitor
laptop: computer netbook macbook
mouse: mice
remote:
keyboard:
cell phone: cellphone phone smartphone iphone telephone
microwave:
oven: stove
toaster:
sink:
refrigerator: fridge freezer
book:
clock: clocktower
vase:
scissors: scissor
teddy bear: teddy
hair drier: hairdryer
toothbrush: toothbrushes
`;

/** Phrases that mean something else than their words; "none" names no class. The longest phrase at a word counts. */
const PHRASES = `
person: baseball player, football player, basketball player, ball player, bus driver, train conductor, truck driver
motorcycle: motor bike, motor cycle, motor scooter, dirt bike
airplane: air plane, fighter jet, jumbo jet, jet plane
train: subway train, train car, passenger car, rail car, freight car, trolley car, street car, cable car
truck: fire truck, pick up truck, pickup truck, food truck, car carrier
boat: sail boat, house boat, cruise ship
traffic light: traffic light, traffic signal, street light, stop light
fire hydrant: water hydrant
parking meter: parking meter
bird: sea gull, baby bird
bear: polar bear, panda bear, bear cub
backpack: back pack, book bag
handbag: hand bag
suitcase: suit case
tie: bow tie
sports ball: soccer ball, tennis ball, beach ball, base ball, basket ball, volley ball
baseball glove: catcher 's mitt, baseball mitt
skateboard: skate board
snowboard: snow board
surfboard: surf board, boogie board, body board
tennis racket: tennis racquet
cup: coffee cup, tea cup, coffee mug
hot dog: chili dog, corn dog, hot dog bun
chair: rocking chair, lawn chair, arm chair
couch: love seat
potted plant: potted flower, house plant
bed: bunk bed
dining table: coffee table, picnic table, kitchen table, computer desk
toilet: toilet seat, toilet bowl
tv: computer monitor, computer screen, tv screen, television screen, flat screen tv, flat screen television
laptop: laptop computer, lap top
mouse: computer mouse
remote: remote control, wii remote, game controller, wii controller
keyboard: computer keyboard, key board
cell phone: mobile phone, cell phone
microwave: microwave oven
oven: toaster oven, stove top oven
clock: alarm clock, clock tower
teddy bear: stuffed bear
hair drier: hair dryer, blow dryer
sink: kitchen sink
none: train track, train station, train yard, train platform, train set, bus stop, bus station, bus terminal, car park,
  boat house, boat dock, bird house, bird cage, bird bath, bird feeder, dog house, dog food, cat food, horse carriage,
  baseball field, baseball game, baseball uniform, baseball cap, baseball hat, baseball team, baseball stadium,
  baseball diamond, baseball park, football field, football game, basketball court, basketball game, basketball hoop,
  volleyball court, volleyball net, ball game, ball field, ski slope, ski lift, ski resort, ski lodge, ski suit, ski pole,
  ski mask, ski jacket, ski trail, ski hill, ski gear, ski goggles, bike rack, bike lane, bike path, bike helmet, phone booth,
  phone pole, telephone pole, telephone booth, toilet paper, toilet tissue, toilet brush, cake pan, cake stand, pizza box,
  pizza oven, pizza pan, pizza cutter, bottle cap, bottle opener, knife block, tv stand, tv show, tv remote, oven mitt,
  table tennis, table cloth, mouse pad, kite string, kite festival, car seat, car door, truck bed, flower bed, river bed,
  high chair, wheel chair, chair lift, book shelf, book case, book store, orange juice, apple juice, apple sauce, apple pie,
  banana bread, carrot cake mix, cd player, dvd player, record player, snow man, cup board, remote area, remote location
`;

/** No class of COCO where an animal follows: "a baby zebra" names no person. */
export const ANIMAL_AGES: ReadonlySet<string> = new Set(["baby", "adult", "mother", "father"]);

/** Classes that are animals. */
export const ANIMALS: ReadonlySet<string> = new Set(
  ["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"],
);

/** After these, and at the end, "orange" is the fruit; before any other word it is taken for the colour. */
export const AFTER_ORANGE: ReadonlySet<string> = new Set(
  "slice slices peel in on with at near next beside is sits sitting lying cut sliced half that which by from"
    .split(" "),
);

/** The 80 classes in the order of COCO's ids. */
export const COCO_CLASSES: readonly string[] = entries(WORDS).map(([name]) => name);

/** Class of each word or phrase (words joined by one space); "none" where it names none. */
export const OBJECT_PHRASES: ReadonlyMap<string, string> = new Map([
  ...entries(WORDS).flatMap(([name, list]) =>
    [name, ...list.split(/\s+/)].filter(Boolean).flatMap((word) =>
      withPlural(word).map((form) => [form, name] as const)
    )
  ),
  ...entries(PHRASES).flatMap(([name, list]) =>
    list.split(",").flatMap((phrase) => withPlural(phrase.trim()).map((form) => [form, name] as const))
  ),
]);

/** Words of the longest phrase. */
export const LONGEST_PHRASE: number = Math.max(
  ...[...OBJECT_PHRASES.keys()].map((phrase) => phrase.split(" ").length),
);

/** `name: value` lines; a line that starts with spaces goes on with the one before. */
function entries(text: string): [name: string, value: string][] {
  return text.trim().replaceAll(/\n\s+/g, " ").split("\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}
function withPlural(word: string): string[] {
  if (/(?:[^aeiou]y)$/.test(word)) return [word, `${word.slice(0, -1)}ies`];
  return [word, /(?:s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`];
}
