"""Ordinary paragraphs in many languages: two pages on baking bread and two on football in each, as (title, snippet)."""

from __future__ import annotations

from typing import NamedTuple

Page = tuple[str, str]


class Paragraphs(NamedTuple):
    """Four pages of one language: the first two are worth reading one after the other, and so are the last two."""

    bread: Page
    rye: Page
    football: Page
    goalkeeper: Page

    @property
    def related(self) -> list[tuple[Page, Page]]:
        """Pairs on one subject."""
        return [(self.bread, self.rye), (self.football, self.goalkeeper)]

    @property
    def unrelated(self) -> list[tuple[Page, Page]]:
        """Pairs that have nothing to do with one another."""
        return [(one, two) for one in (self.bread, self.rye) for two in (self.football, self.goalkeeper)]


PARAGRAPHS = {
    "en": Paragraphs(
        ("Baking bread at home", "Mix flour, water, salt and yeast, and let the dough rise overnight. Shape the loaf, score it and bake it in a hot oven until the crust is brown. A sourdough starter gives the bread more flavour."),
        ("Rye bread with sourdough", "Rye flour takes more water than wheat, so the dough is sticky. Feed the sourdough the evening before, and bake the loaf slowly so that the crumb of the bread is not wet."),
        ("How the league is decided", "Each club plays every other club twice. A win brings three points and a draw one, and at the end of the season the team with the most points is the champion of the football league."),
        ("What a goalkeeper trains", "A goalkeeper of a football team trains jumps, catches and kicks. In a match he leads the defence, and a save in the last minute can decide the season for the club."),
    ),
    "de": Paragraphs(
        ("Brot backen zu Hause", "Mehl, Wasser, Salz und Hefe verkneten und den Teig über Nacht gehen lassen. Den Laib formen, einschneiden und im heißen Ofen backen, bis die Kruste braun ist. Ein Sauerteig gibt dem Brot mehr Geschmack."),
        ("Roggenbrot mit Sauerteig", "Roggenmehl nimmt mehr Wasser auf als Weizen, darum klebt der Teig. Den Sauerteig am Abend vorher füttern und den Laib langsam backen, damit die Krume vom Brot nicht feucht bleibt."),
        ("Wie die Liga entschieden wird", "Jeder Verein spielt zweimal gegen jeden anderen. Ein Sieg bringt drei Punkte und ein Unentschieden einen, und am Ende der Saison ist die Mannschaft mit den meisten Punkten Meister der Liga im Fußball."),
        ("Was ein Torwart trainiert", "Der Torwart einer Mannschaft trainiert im Fußball Sprünge, Fangen und Abstöße. Im Spiel führt er die Abwehr, und eine Parade in der letzten Minute kann für den Verein die Saison entscheiden."),
    ),
    "fr": Paragraphs(
        ("Faire son pain à la maison", "Mélangez la farine, l'eau, le sel et la levure, puis laissez lever la pâte toute la nuit. Façonnez la miche et faites-la cuire au four bien chaud jusqu'à ce que la croûte soit brune. Le levain donne plus de goût au pain."),
        ("Pain de seigle au levain", "La farine de seigle boit plus d'eau que le blé, et la pâte colle. Nourrissez le levain la veille au soir et laissez cuire la miche lentement pour que la mie du pain ne reste pas humide."),
        ("Comment se joue le championnat", "Chaque club joue deux fois contre tous les autres. Une victoire rapporte trois points et un match nul un seul; à la fin de la saison, l'équipe qui a le plus de points est championne de football."),
        ("L'entraînement d'un gardien", "Le gardien d'une équipe de football travaille les sauts, les prises de balle et les relances. Pendant le match il dirige la défense, et un arrêt à la dernière minute peut décider de la saison du club."),
    ),
    "fi": Paragraphs(
        ("Leivän leipominen kotona", "Sekoita jauhot, vesi, suola ja hiiva ja anna taikinan kohota yön yli. Muotoile leipä, viillä pinta ja paista kuumassa uunissa, kunnes kuori on ruskea. Hapanjuuri antaa leipään enemmän makua."),
        ("Ruisleipä hapanjuurella", "Ruisjauho imee enemmän vettä kuin vehnä, joten taikina tarttuu käsiin. Ruoki hapanjuuri edellisenä iltana ja paista leipä hitaasti uunissa, ettei sen sisus jää kosteaksi."),
        ("Miten jalkapallon sarja ratkeaa", "Jokainen seura pelaa kaksi kertaa kaikkia muita vastaan. Voitosta saa kolme pistettä ja tasapelistä yhden, ja kauden lopussa eniten pisteitä kerännyt joukkue voittaa sarjan mestaruuden."),
        ("Mitä maalivahti harjoittelee", "Jalkapallon maalivahti harjoittelee hyppyjä, kiinniottoja ja potkuja. Ottelussa hän johtaa puolustusta, ja torjunta viimeisellä minuutilla voi ratkaista, miten joukkue ja seura pärjäävät."),
    ),
    "tr": Paragraphs(
        ("Evde ekmek yapmak", "Un, su, tuz ve mayayı yoğurun ve hamuru gece boyunca mayalanmaya bırakın. Somuna şekil verip üstünü çizin ve kabuk kızarana kadar sıcak fırında pişirin. Ekşi maya ekmeğe daha çok lezzet verir."),
        ("Ekşi maya ile çavdar ekmeği", "Çavdar unu buğdaydan daha çok su çeker, bu yüzden hamur yapışkan olur. Ekşi maya bir akşam önce beslenir ve ekmek yavaş pişirilir; yoksa içi nemli kalır."),
        ("Futbol ligi nasıl sonuçlanır", "Her kulüp diğer kulüplerle iki maç oynar. Galibiyet üç puan, beraberlik bir puan getirir ve sezon sonunda en çok puanı toplayan takım ligin şampiyonu olur."),
        ("Bir kaleci nasıl çalışır", "Futbol takımının kalecisi sıçrama, top tutma ve degaj çalışır. Maç sırasında savunmayı o yönetir ve son dakikada yapılan bir kurtarış kulüp için sezon sonunu belirleyebilir."),
    ),
    "vi": Paragraphs(
        ("Cách làm bánh mì tại nhà", "Trộn bột mì, nước, muối và men rồi để bột nở qua đêm. Tạo hình ổ bánh, rạch mặt và nướng trong lò nóng đến khi vỏ bánh vàng nâu. Men chua giúp bánh mì thơm ngon hơn."),
        ("Bánh mì lúa mạch đen với men chua", "Bột lúa mạch đen hút nhiều nước hơn bột mì nên bột rất dính. Hãy nuôi men chua từ tối hôm trước và nướng ổ bánh thật chậm để ruột bánh không bị ướt."),
        ("Giải bóng đá được phân định thế nào", "Mỗi câu lạc bộ gặp các đội khác hai lần. Thắng được ba điểm, hòa được một điểm, và cuối mùa giải đội bóng nhiều điểm nhất là nhà vô địch."),
        ("Thủ môn tập luyện những gì", "Thủ môn của một đội bóng đá tập bật nhảy, bắt bóng và phát bóng. Trong trận đấu anh chỉ huy hàng thủ, và một pha cứu thua phút cuối có thể quyết định mùa giải của câu lạc bộ."),
    ),
    "ru": Paragraphs(
        ("Как испечь хлеб дома", "Смешайте муку, воду, соль и дрожжи и оставьте тесто подниматься на ночь. Сформуйте буханку, надрежьте её и выпекайте в горячей печи, пока корка не станет коричневой. Закваска придаёт хлебу больше вкуса."),
        ("Ржаной хлеб на закваске", "Ржаная мука берёт больше воды, чем пшеничная, поэтому тесто липкое. Закваска готовится накануне вечером, а хлеб выпекайте медленно, чтобы мякиш не остался влажным."),
        ("Как определяется чемпион лиги", "Каждый клуб играет с каждым другим по два матча. За победу дают три очка, за ничью одно, и в конце сезона команда, у которой больше очков, становится чемпионом по футболу."),
        ("Что тренирует вратарь", "Вратарь команды по футболу отрабатывает прыжки, ловлю и удары. Во время матча он руководит защитой, и удар, отбитый на последней минуте, может решить для клуба исход сезона."),
    ),
    "ar": Paragraphs(
        ("كيف تخبز الخبز في البيت", "اخلط الدقيق والماء والملح والخميرة واترك العجين يرتفع طوال الليل. شكّل الرغيف واخبزه في فرن ساخن حتى تصبح القشرة بنية. الخميرة الطبيعية تعطي الخبز طعما أفضل."),
        ("خبز الجاودار بالخميرة الطبيعية", "يمتص دقيق الجاودار من الماء أكثر من القمح ولذلك يكون العجين لزجا. تغذى الخميرة الطبيعية في المساء السابق ثم يوضع الرغيف في الفرن على نار هادئة حتى لا يبقى الخبز رطبا."),
        ("كيف يحسم الدوري", "يلعب كل ناد مع جميع الأندية الأخرى مرتين. الفوز يساوي ثلاث نقاط والتعادل نقطة واحدة، وفي نهاية الموسم يكون الفريق صاحب أكبر عدد من النقاط بطل كرة القدم."),
        ("تدريب حارس المرمى", "يتدرب حارس المرمى في كرة القدم على القفز ومسك الكرة والركل. وهو يقود الدفاع في المباراة، وقد يحسم تصد واحد في الدقيقة الأخيرة نهاية الموسم لصالح الفريق."),
    ),
    "he": Paragraphs(
        ("לאפות לחם בבית", "מערבבים קמח, מים, מלח ושמרים ומניחים לבצק לתפוח במשך הלילה. מעצבים כיכר, חורצים אותה ואופים בתנור חם עד שהקרום משחים. מחמצת נותנת לחם טעים יותר."),
        ("לחם שיפון ממחמצת", "קמח שיפון סופג יותר מים מחיטה, ולכן הבצק דביק. מאכילים את מחמצת השיפון בערב הקודם ואופים את הכיכר לאט בתנור כדי שתוך הלחם לא יישאר לח."),
        ("איך מוכרעת הליגה", "כל מועדון משחק פעמיים נגד כל מועדון אחר. ניצחון שווה שלוש נקודות ותיקו נקודה אחת, ובסוף העונה הקבוצה עם הכי הרבה נקודות היא אלופת הליגה בכדורגל."),
        ("מה מתאמן שוער", "שוער של קבוצת כדורגל מתאמן בקפיצות, בתפיסות ובבעיטות. במשחק הוא מנהיג את ההגנה, והצלה בדקה האחרונה יכולה להכריע את העונה עבור מועדון שלם."),
    ),
    "hi": Paragraphs(
        ("घर पर रोटी और ब्रेड बनाना", "आटा, पानी, नमक और खमीर मिलाकर गूँध लें और आटे को रात भर फूलने दें। फिर ब्रेड को आकार दें और गरम ओवन में तब तक सेंकें जब तक ऊपर की परत भूरी न हो जाए। खमीर से ब्रेड का स्वाद अच्छा होता है।"),
        ("राई के आटे की ब्रेड", "राई का आटा गेहूँ से ज़्यादा पानी सोखता है, इसलिए वह चिपचिपा होता है। खमीर एक शाम पहले तैयार करें और ब्रेड को धीमी आँच पर ओवन में सेंकें ताकि वह अंदर से गीली न रहे।"),
        ("फुटबॉल लीग का फ़ैसला कैसे होता है", "हर क्लब बाक़ी सभी टीमों से दो बार खेलता है। जीतने पर तीन अंक और बराबरी पर एक अंक मिलता है, और सीज़न के अंत में सबसे अधिक अंक वाली टीम लीग की विजेता बनती है।"),
        ("गोलकीपर क्या अभ्यास करता है", "फुटबॉल टीम का गोलकीपर कूदने, गेंद पकड़ने और किक मारने का अभ्यास करता है। मैच में वही रक्षा का नेतृत्व करता है, और अंतिम मिनट का बचाव क्लब का पूरा सीज़न तय कर सकता है।"),
    ),
    "bn": Paragraphs(
        ("বাড়িতে পাউরুটি বানানো", "ময়দা, পানি, লবণ আর খামির মিশিয়ে মেখে নিন এবং খামির সারারাত ফুলতে দিন। পাউরুটি গড়ে নিয়ে গরম চুলায় সেঁকুন যতক্ষণ না উপরটা বাদামি হয়। টক খামির পাউরুটি আরও সুস্বাদু করে।"),
        ("টক খামির দিয়ে রাইয়ের পাউরুটি", "রাইয়ের ময়দা গমের চেয়ে বেশি পানি টানে, তাই খামির আঠালো হয়। টক খামির আগের সন্ধ্যায় তৈরি করুন আর পাউরুটি ধীরে সেঁকুন যাতে ভেতরটা ভেজা না থাকে।"),
        ("ফুটবল লিগের ফল কীভাবে ঠিক হয়", "প্রতিটি ক্লাব অন্য সব দলের সঙ্গে দুবার খেলে। জিতলে তিন পয়েন্ট আর ড্র হলে এক পয়েন্ট, এবং মৌসুম শেষে সবচেয়ে বেশি পয়েন্ট পাওয়া দল লিগ জেতে।"),
        ("গোলরক্ষক কী অনুশীলন করে", "ফুটবল দলের গোলরক্ষক লাফ, বল ধরা আর লাথি অনুশীলন করে। খেলায় সে রক্ষণভাগ চালায়, আর শেষ মিনিটের একটি সেভ ক্লাব ও দলের মৌসুম ঠিক করে দিতে পারে।"),
    ),
    "ta": Paragraphs(
        ("வீட்டில் ரொட்டி செய்வது", "மாவு, தண்ணீர், உப்பு மற்றும் ஈஸ்ட் சேர்த்து பிசைந்து இரவு முழுவதும் மாவு பொங்க விடவும். ரொட்டி வடிவம் செய்து சூடான அடுப்பில் மேற்புறம் பழுப்பாகும் வரை சுடவும். புளித்த மாவு ரொட்டி சுவையாக இருக்க உதவும்."),
        ("கம்பு மாவு ரொட்டி", "கம்பு மாவு கோதுமையை விட அதிக தண்ணீர் எடுக்கும், அதனால் மாவு ஒட்டும். முந்தைய மாலை ஈஸ்ட் தயார் செய்து ரொட்டி உள்ளே ஈரமாக இராதபடி அடுப்பில் மெதுவாக சுடவும்."),
        ("கால்பந்து லீக் எப்படி முடிவாகிறது", "ஒவ்வொரு கழகமும் மற்ற எல்லா அணிகளுடனும் இருமுறை விளையாடும். வெற்றிக்கு மூன்று புள்ளிகள், சமநிலைக்கு ஒரு புள்ளி, பருவத்தின் முடிவில் அதிக புள்ளிகள் பெற்ற அணி வெற்றி பெறும்."),
        ("கோல்காப்பாளர் பயிற்சி", "கால்பந்து அணி ஒன்றின் கோல்காப்பாளர் தாவுதல், பந்து பிடித்தல், உதைத்தல் ஆகியவற்றை பயிற்சி செய்கிறார். போட்டியில் அவர் தடுப்பை வழிநடத்துகிறார், கடைசி நிமிட தடுப்பு கழகமும் அணியும் வெற்றி பெற உதவும்."),
    ),
    "am": Paragraphs(
        ("ዳቦ በቤት ውስጥ መጋገር", "ዱቄት፣ ውሃ፣ ጨው እና እርሾ ቀላቅለው ሊጡ ሌሊቱን ሙሉ ይቦካ። ከዚያ ሊጡን ቅርጽ ሰጥተው በሞቀ ምድጃ ውስጥ ቅርፊቱ እስኪቀላ ድረስ ይጋግሩ። እርሾ ዳቦ ጥሩ ጣዕም እንዲኖረው ያደርጋል።"),
        ("የአጃ ዳቦ በእርሾ", "የአጃ ዱቄት ከስንዴ የበለጠ ውሃ ይወስዳል፣ ስለዚህ ሊጡ ይጣበቃል። እርሾ ከአንድ ቀን በፊት አዘጋጅተው ዳቦ ውስጡ እርጥብ እንዳይሆን በምድጃ ውስጥ ቀስ ብለው ይጋግሩ።"),
        ("የእግር ኳስ ሊግ እንዴት ይወሰናል", "እያንዳንዱ ክለብ ከሌሎች ክለቦች ጋር ሁለት ጊዜ ይጫወታል። ድል ሦስት ነጥብ አቻ ደግሞ አንድ ነጥብ ያስገኛል፣ በውድድር ዘመኑ መጨረሻ ብዙ ነጥብ ያለው ቡድን ሻምፒዮን ይሆናል።"),
        ("ግብ ጠባቂ ምን ይለማመዳል", "የእግር ኳስ ቡድን ግብ ጠባቂ መዝለል፣ ኳስ መያዝ እና መምታት ይለማመዳል። በጨዋታ ጊዜ መከላከሉን ይመራል፣ በመጨረሻ ደቂቃ የሚያድነው ኳስ ለአንድ ክለብ የውድድር ዘመኑ ውጤት ሊሆን ይችላል።"),
    ),
    "th": Paragraphs(
        ("วิธีอบขนมปังที่บ้าน", "ผสมแป้ง น้ำ เกลือ และยีสต์ แล้วพักแป้งให้ขึ้นฟูข้ามคืน จากนั้นปั้นเป็นก้อน กรีดผิวหน้า และอบในเตาอบร้อนจนเปลือกเป็นสีน้ำตาล ยีสต์ธรรมชาติทำให้ขนมปังมีรสชาติดีขึ้น"),
        ("ขนมปังข้าวไรย์", "แป้งข้าวไรย์ดูดน้ำมากกว่าข้าวสาลี แป้งจึงเหนียวติดมือ ควรเลี้ยงยีสต์ธรรมชาติตั้งแต่เย็นวันก่อน และอบขนมปังในเตาอบช้าๆ เพื่อไม่ให้เนื้อในแฉะ"),
        ("ลีกฟุตบอลตัดสินกันอย่างไร", "แต่ละสโมสรจะพบกับทีมอื่นทุกทีมสองครั้ง ชนะได้สามคะแนน เสมอได้หนึ่งคะแนน และเมื่อจบฤดูกาลทีมที่มีคะแนนมากที่สุดจะเป็นแชมป์ฟุตบอลของประเทศ"),
        ("ผู้รักษาประตูฝึกอะไรบ้าง", "ผู้รักษาประตูของทีมฟุตบอลต้องฝึกกระโดด รับบอล และเตะบอลไกล ระหว่างการแข่งขันเขาคุมแนวรับ และการเซฟนาทีสุดท้ายอาจตัดสินฤดูกาลของสโมสรได้"),
    ),
    "km": Paragraphs(
        ("វិធីដុតនំប៉័ងនៅផ្ទះ", "លាយម្សៅ ទឹក អំបិល និងមេដំបែ រួចទុកម្សៅឱ្យឡើងពេញមួយយប់។ បន្ទាប់មកសូនជាដុំ ហើយដុតក្នុងឡក្តៅរហូតដល់សំបកប្រែជាពណ៌ត្នោត។ មេដំបែធម្មជាតិធ្វើឱ្យនំប៉័ងមានរសជាតិឆ្ងាញ់។"),
        ("នំប៉័ងស្រូវរ៉ៃ", "ម្សៅស្រូវរ៉ៃស្រូបទឹកច្រើនជាងស្រូវសាលី ដូច្នេះម្សៅស្អិត។ ត្រូវរៀបចំមេដំបែធម្មជាតិពីល្ងាចមុន ហើយដុតនំប៉័ងក្នុងឡយឺតៗ ដើម្បីកុំឱ្យខាងក្នុងសើម។"),
        ("លីកបាល់ទាត់សម្រេចយ៉ាងដូចម្តេច", "ក្លឹបនីមួយៗលេងជាមួយក្រុមផ្សេងទៀតពីរដង។ ឈ្នះបានបីពិន្ទុ ស្មើបានមួយពិន្ទុ ហើយនៅចុងរដូវកាល ក្រុមដែលមានពិន្ទុច្រើនជាងគេក្លាយជាជើងឯកបាល់ទាត់។"),
        ("អ្នកចាំទីហាត់អ្វីខ្លះ", "អ្នកចាំទីរបស់ក្រុមបាល់ទាត់ហាត់លោត ចាប់បាល់ និងទាត់បាល់។ ក្នុងការប្រកួតគាត់ដឹកនាំខ្សែការពារ ហើយការសង្គ្រោះនៅនាទីចុងក្រោយអាចសម្រេចរដូវកាលរបស់ក្លឹប។"),
    ),
    "zh": Paragraphs(
        ("在家烤面包", "把面粉、水、盐和酵母揉成面团，让面团发酵一夜。整形后割口，放进热烤箱，烤到外皮金黄。天然酵母会让面包更有风味。"),
        ("酸种黑麦面包", "黑麦面粉比小麦更吸水，所以面团很粘。前一天晚上准备好天然酵母，再用烤箱慢慢烘烤，这样面包的内部才不会潮湿。"),
        ("足球联赛如何决出冠军", "每家俱乐部与其他球队各比赛两场。赢球得三分，平局得一分，赛季结束时积分最多的球队就是联赛冠军。"),
        ("守门员练什么", "足球队的守门员要练习跳跃、接球和开球。比赛中他指挥后防线，最后一分钟的扑救可能决定俱乐部整个赛季的成绩。"),
    ),
    "ja": Paragraphs(
        ("家でパンを焼く", "小麦粉と水と塩と酵母をこねて、生地を一晩発酵させます。形を整えて切り込みを入れ、熱いオーブンで皮が茶色になるまで焼きます。天然酵母を使うとパンの風味が増します。"),
        ("天然酵母のライ麦パン", "ライ麦粉は小麦より水を吸うので、生地がべたつきます。前の晩に天然酵母を用意し、パンの中が湿らないようにオーブンでゆっくり焼きます。"),
        ("サッカーのリーグ戦の決まり", "各クラブはほかのチームと二回ずつ試合をします。勝てば勝ち点三、引き分けなら一で、シーズンの終わりに勝ち点が最も多いチームがリーグの優勝です。"),
        ("ゴールキーパーの練習", "サッカーチームのゴールキーパーは、跳躍と捕球とキックを練習します。試合では守備を指揮し、最後の一分のセーブがクラブのシーズンを決めることもあります。"),
    ),
    "ko": Paragraphs(
        ("집에서 빵 굽기", "밀가루와 물, 소금, 효모를 섞어 반죽을 만들고 밤새 부풀게 둔다. 모양을 잡아 칼집을 넣고 뜨거운 오븐에서 껍질이 갈색이 될 때까지 굽는다. 천연 효모를 쓰면 빵 맛이 더 좋다."),
        ("호밀 빵과 천연 효모", "호밀 가루는 밀보다 물을 많이 먹어서 반죽이 끈적하다. 전날 저녁에 천연 효모를 준비하고 빵 속이 젖지 않도록 오븐에서 천천히 굽는다."),
        ("축구 리그는 어떻게 결정되나", "각 구단은 다른 팀과 두 번씩 경기를 한다. 이기면 승점 3점, 비기면 1점을 얻고 시즌 마지막에 승점이 가장 많은 팀이 축구 리그 우승을 차지한다."),
        ("골키퍼는 무엇을 훈련하나", "축구 팀의 골키퍼는 점프와 공 잡기, 킥을 훈련한다. 경기 중에는 수비를 이끌고, 마지막 순간의 선방이 구단의 시즌 성적을 결정할 수 있다."),
    ),
}  # fmt: skip
